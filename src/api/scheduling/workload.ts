/** Workload and PodGroup, scheduling.k8s.io/v1alpha2. Upstream: pkg/registry/scheduling/{workload,podgroup}. */
import type {
  PodGroup,
  PodGroupSpec,
  PodGroupTemplate,
  Workload,
} from '#api/gen/scheduling-v1alpha2.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { type FieldError, fieldPath, invalidValue } from '../meta/field.ts';
import { immutable, validateConditions } from '../validation/metadata.ts';

const STATUS = fieldPath('status');

/** Fields whose gates are off: they are dropped unless they are stored already. */
function dropGated(next: PodGroupSpec | PodGroupTemplate, old: Partial<PodGroupSpec> = {}): void {
  if (old.schedulingConstraints === undefined) delete next.schedulingConstraints;
  if ((old.resourceClaims ?? []).length === 0) delete next.resourceClaims;
  if (old.disruptionMode === undefined) delete next.disruptionMode;
  if (!old.priorityClassName) delete next.priorityClassName;
  if (old.priority === undefined) delete next.priority;
}

function dropGatedOfTemplates(next: Workload, old?: Workload): void {
  for (const [i, template] of (next.spec?.podGroupTemplates ?? []).entries())
    dropGated(template, old?.spec?.podGroupTemplates[i]);
}

export const WORKLOAD = defineKind<Workload>({
  group: 'scheduling.k8s.io',
  version: 'v1alpha2',
  kind: 'Workload',
  plural: 'workloads',
  namespaced: true,
  schema: 'io.k8s.api.scheduling.v1alpha2.Workload',
  featureGate: 'GenericWorkload',
  countsGeneration: false,
  unconditionalUpdate: true,
  columns: [NAME_COLUMN, AGE_COLUMN],
  prepareForCreate: (workload) => dropGatedOfTemplates(workload),
  prepareForUpdate: dropGatedOfTemplates,
  validateUpdate: (next, old) =>
    immutable(
      next.spec?.podGroupTemplates,
      old.spec?.podGroupTemplates,
      fieldPath('spec').child('podGroupTemplates'),
    ),
});

function stateOf({ status }: PodGroup): string {
  const conditions = status?.conditions ?? [];
  const disruption = conditions.findLast(({ type }) => type === 'DisruptionTarget');
  if (disruption !== undefined) return disruption.reason;
  const scheduled = conditions.findLast(({ type }) => type === 'PodGroupScheduled');
  if (scheduled === undefined) return 'Pending';
  return scheduled.status === 'True' ? 'Scheduled' : 'Unschedulable';
}

/** Statuses are of claims that the group has. */
function validateClaimStatuses({ spec, status }: PodGroup): FieldError[] {
  const claims = new Set((spec?.resourceClaims ?? []).map(({ name }) => name));
  const at = STATUS.child('resourceClaimStatuses');
  return (status?.resourceClaimStatuses ?? []).flatMap(({ name }, i) =>
    claims.has(name)
      ? []
      : [
          invalidValue(
            at.index(i).child('name'),
            name,
            'must match the name of an entry in `spec.resourceClaims`',
          ),
        ],
  );
}

export const POD_GROUP = defineKind<PodGroup>({
  group: 'scheduling.k8s.io',
  version: 'v1alpha2',
  kind: 'PodGroup',
  plural: 'podgroups',
  namespaced: true,
  schema: 'io.k8s.api.scheduling.v1alpha2.PodGroup',
  featureGate: 'GenericWorkload',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    column('Policy', ({ spec }) => (spec?.schedulingPolicy?.gang === undefined ? 'Basic' : 'Gang')),
    column('Workload', ({ spec }) => spec?.podGroupTemplateRef?.workload?.workloadName ?? '<none>'),
    column('Status', stateOf),
    AGE_COLUMN,
  ],
  setDefaults: ({ spec }) => {
    if (spec !== undefined) spec.disruptionMode ??= 'Pod';
  },
  prepareForCreate: (group) => {
    group.status = {};
    if (group.spec !== undefined) dropGated(group.spec);
  },
  prepareForUpdate: (next, old) => {
    if (next.spec !== undefined) dropGated(next.spec, old.spec);
  },
  validateUpdate: (next, old) => immutable(next.spec, old.spec, fieldPath('spec')),
  validateStatus: (next) => [
    ...validateConditions(next.status?.conditions, STATUS.child('conditions')),
    ...validateClaimStatuses(next),
  ],
});
