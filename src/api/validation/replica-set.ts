/** ReplicaSets and ReplicationControllers. Upstream: pkg/apis/{apps,core}/validation. */
import type { ReplicaSet } from '#api/gen/apps-v1.ts';
import type { ReplicationController } from '#api/gen/core-v1.ts';
import { type FieldError, invalidValue, required } from '../meta/field.ts';
import { matchesMap } from '../meta/labels.ts';
import {
  hasReadableSelector,
  labelsShown,
  SPEC,
  TEMPLATE,
  validateCounts,
  validateReplicaCounts,
  validateRunningTemplate,
  validateSelection,
} from './workloads.ts';

export function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  return [
    ...validateCounts(spec, ['replicas', 'minReadySeconds'], SPEC),
    // Upstream says deployment here too.
    ...validateSelection(spec, 'deployment'),
    ...(hasReadableSelector(spec) ? validateRunningTemplate(spec?.template, 'ReplicaSet') : []),
  ];
}

export function validateReplicaSetStatus({ status }: ReplicaSet): FieldError[] {
  return validateReplicaCounts(status, {
    parts: ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
    others: ['observedGeneration', 'terminatingReplicas'],
  });
}

export function validateReplicationControllerStatus({
  status,
}: ReplicationController): FieldError[] {
  return validateReplicaCounts(status, {
    parts: ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
    others: ['observedGeneration'],
  });
}

export function validateReplicationController({ spec }: ReplicationController): FieldError[] {
  const { selector = {}, template, replicas } = spec ?? {};
  const errors = validateCounts(spec, ['minReadySeconds', 'replicas'], SPEC);
  if (replicas === undefined) errors.push(required(SPEC.child('replicas')));
  if (Object.keys(selector).length === 0) errors.push(required(SPEC.child('selector')));
  if (template === undefined) return [...errors, required(TEMPLATE)];
  const labels = template.metadata?.labels;
  if (Object.keys(selector).length > 0 && !matchesMap(selector, labels)) {
    const where = TEMPLATE.child('metadata', 'labels');
    errors.push(
      invalidValue(where, labelsShown(template), '`selector` does not match template `labels`'),
    );
  }
  return [...errors, ...validateRunningTemplate(template, 'ReplicationController')];
}
