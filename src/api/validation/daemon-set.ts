/** DaemonSets. Upstream: pkg/apis/apps/validation/validation.go (ValidateDaemonSet…). */
import type { DaemonSet, DaemonSetUpdateStrategy } from '#api/gen/apps-v1.ts';
import { type FieldError, invalidValue, notSupported, required } from '../meta/field.ts';
import { atMostAll, intOrPercentNumber, validateIntOrPercent } from './int-or-percent.ts';
import {
  SPEC,
  STATUS,
  validateCollisionCount,
  validateCounts,
  validateRunningTemplate,
  validateSelection,
} from './workloads.ts';
import { goForm } from '../schema/go-form.ts';

function validateStrategy(strategy: DaemonSetUpdateStrategy | undefined): FieldError[] {
  const at = SPEC.child('updateStrategy');
  const { type, rollingUpdate } = strategy ?? {};
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate')
    return [
      notSupported(at, goForm('io.k8s.api.apps.v1.DaemonSetUpdateStrategy', strategy ?? {}), [
        'RollingUpdate',
        'OnDelete',
      ]),
    ];
  const where = at.child('rollingUpdate');
  if (rollingUpdate === undefined) return [required(where)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...validateIntOrPercent(maxUnavailable, where.child('maxUnavailable')),
    ...validateIntOrPercent(maxSurge, where.child('maxSurge')),
    ...atMostAll(maxUnavailable, where.child('maxUnavailable')),
    ...atMostAll(maxSurge, where.child('maxSurge')),
  ];
  const unavailable = intOrPercentNumber(maxUnavailable) !== 0;
  const surge = intOrPercentNumber(maxSurge) !== 0;
  if (unavailable && surge) {
    errors.push(
      invalidValue(
        where.child('maxSurge'),
        maxSurge,
        'may not be set when maxUnavailable is non-zero',
      ),
    );
  } else if (!unavailable && !surge) {
    errors.push(required(where.child('maxUnavailable'), 'cannot be 0 when maxSurge is 0'));
  }
  return errors;
}

export function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  return [
    ...validateSelection(spec, 'daemonset'),
    ...validateRunningTemplate(spec?.template, 'DaemonSet'),
    ...validateCounts(spec, ['minReadySeconds'], SPEC),
    ...validateStrategy(spec?.updateStrategy),
    ...validateCounts(spec, ['revisionHistoryLimit'], SPEC),
  ];
}

export function validateDaemonSetStatus(next: DaemonSet, old: DaemonSet): FieldError[] {
  return [
    ...validateCounts(
      next.status,
      [
        'currentNumberScheduled',
        'numberMisscheduled',
        'desiredNumberScheduled',
        'numberReady',
        'observedGeneration',
        'updatedNumberScheduled',
        'numberAvailable',
        'numberUnavailable',
        'collisionCount',
      ],
      STATUS,
    ),
    ...validateCollisionCount(next, old),
  ];
}
