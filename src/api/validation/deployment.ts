/** Deployments. Upstream: pkg/apis/apps/validation/validation.go (ValidateDeployment…). */
import type { Deployment, DeploymentStrategy } from '#api/gen/apps-v1.ts';
import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { atMostAll, intOrPercentNumber, validateIntOrPercent } from './int-or-percent.ts';
import {
  hasReadableSelector,
  SPEC,
  validateCollisionCount,
  validateCounts,
  validateReplicaCounts,
  validateRunningTemplate,
  validateSelection,
} from './workloads.ts';
import { goForm } from '../schema/go-form.ts';

function validateStrategy(strategy: DeploymentStrategy | undefined): FieldError[] {
  const at = SPEC.child('strategy');
  const { type, rollingUpdate } = strategy ?? {};
  const where = at.child('rollingUpdate');
  if (type === 'Recreate') {
    if (rollingUpdate === undefined) return [];
    return [forbiddenField(where, "may not be specified when strategy `type` is 'Recreate'")];
  }
  if (type !== 'RollingUpdate')
    return [
      notSupported(at, goForm('io.k8s.api.apps.v1.DeploymentStrategy', strategy ?? {}), [
        'Recreate',
        'RollingUpdate',
      ]),
    ];
  if (rollingUpdate === undefined)
    return [required(where, 'this should be defaulted and never be nil')];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...validateIntOrPercent(maxUnavailable, where.child('maxUnavailable')),
    ...validateIntOrPercent(maxSurge, where.child('maxSurge')),
  ];
  if (intOrPercentNumber(maxUnavailable) === 0 && intOrPercentNumber(maxSurge) === 0) {
    errors.push(
      invalidValue(
        where.child('maxUnavailable'),
        maxUnavailable,
        'may not be 0 when `maxSurge` is 0',
      ),
    );
  }
  return [...errors, ...atMostAll(maxUnavailable, where.child('maxUnavailable'))];
}

export function validateDeployment({ spec }: Deployment): FieldError[] {
  const deadline = spec?.progressDeadlineSeconds;
  const errors = [
    ...validateCounts(spec, ['replicas'], SPEC),
    ...validateSelection(spec, 'deployment'),
    ...(hasReadableSelector(spec) ? validateRunningTemplate(spec?.template, 'ReplicaSet') : []),
    ...validateStrategy(spec?.strategy),
    ...validateCounts(
      spec,
      ['minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'],
      SPEC,
    ),
  ];
  if (deadline !== undefined && deadline <= (spec?.minReadySeconds ?? 0)) {
    errors.push(
      invalidValue(
        SPEC.child('progressDeadlineSeconds'),
        deadline,
        'must be greater than minReadySeconds',
      ),
    );
  }
  return errors;
}

export function validateDeploymentStatus(next: Deployment, old: Deployment): FieldError[] {
  return [
    ...validateReplicaCounts(next.status, {
      parts: ['updatedReplicas', 'readyReplicas', 'availableReplicas'],
      others: [
        'observedGeneration',
        'unavailableReplicas',
        'terminatingReplicas',
        'collisionCount',
      ],
    }),
    ...validateCollisionCount(next, old),
  ];
}
