/** ReplicaSets, ReplicationControllers and ControllerRevisions. Upstream: pkg/apis/apps/validation. */
import type { ControllerRevision, ReplicaSet } from '#api/gen/apps-v1.ts';
import type { ReplicationController } from '#api/gen/core-v1.ts';
import { type FieldError, fieldPath, invalidValue, required } from '../meta/field.ts';
import { matchesMap } from '../meta/labels.ts';
import { immutable, nonnegative } from './metadata.ts';
import {
  validateAtMost,
  validateCounts,
  validateRunningTemplate,
  validateSelector,
  validateTemplateLabels,
} from './workload-template.ts';

const SPEC = fieldPath('spec');
const STATUS = fieldPath('status');

export function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  return [
    ...validateCounts(spec, ['replicas', 'minReadySeconds'], SPEC),
    // Upstream says deployment here too.
    ...validateSelector(spec?.selector, SPEC.child('selector'), 'deployment'),
    ...validateTemplateLabels(spec?.selector, spec?.template, SPEC.child('template')),
    ...validateRunningTemplate(spec?.template, SPEC.child('template'), 'ReplicaSet'),
  ];
}

export function validateReplicaSetUpdate(next: ReplicaSet, old: ReplicaSet): FieldError[] {
  return immutable(next.spec?.selector, old.spec?.selector, SPEC.child('selector'));
}

export function validateReplicaSetStatus({ status }: ReplicaSet): FieldError[] {
  const parts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const;
  return [
    ...validateCounts(
      status,
      ['replicas', ...parts, 'observedGeneration', 'terminatingReplicas'],
      STATUS,
    ),
    ...validateAtMost(status, parts, {
      limit: status?.replicas,
      detail: 'cannot be greater than status.replicas',
      at: STATUS,
    }),
    ...validateAtMost(status, ['availableReplicas'], {
      limit: status?.readyReplicas,
      detail: 'cannot be greater than readyReplicas',
      at: STATUS,
    }),
  ];
}

export function validateReplicationController({ spec }: ReplicationController): FieldError[] {
  const { selector = {}, template, replicas } = spec ?? {};
  const errors = validateCounts(spec, ['minReadySeconds', 'replicas'], SPEC);
  if (replicas === undefined) errors.push(required(SPEC.child('replicas')));
  if (Object.keys(selector).length === 0) errors.push(required(SPEC.child('selector')));
  if (template === undefined) return [...errors, required(SPEC.child('template'))];
  const labels = template.metadata?.labels;
  if (Object.keys(selector).length > 0 && !matchesMap(selector, labels)) {
    const where = SPEC.child('template', 'metadata', 'labels');
    errors.push(invalidValue(where, labels ?? null, '`selector` does not match template `labels`'));
  }
  return [
    ...errors,
    ...validateRunningTemplate(template, SPEC.child('template'), 'ReplicationController'),
  ];
}

export function validateControllerRevision({ revision, data }: ControllerRevision): FieldError[] {
  const errors = nonnegative(revision, fieldPath('revision'));
  if (data === undefined || data === null)
    return [...errors, required(fieldPath('data'), 'data is mandatory')];
  if (typeof data === 'object' && !Array.isArray(data)) return errors;
  return [...errors, required(fieldPath('data'), 'data must be a valid JSON object')];
}

export function validateControllerRevisionUpdate(
  next: ControllerRevision,
  old: ControllerRevision,
): FieldError[] {
  return immutable(next.data, old.data, fieldPath('data'));
}
