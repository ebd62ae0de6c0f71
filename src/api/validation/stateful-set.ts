/** StatefulSets. Upstream: pkg/apis/apps/validation/validation.go (ValidateStatefulSet…). */
import type { StatefulSet, StatefulSetSpec } from '#api/gen/apps-v1.ts';
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { label } from './common.ts';
import { atMostAll, intOrPercentNumber, validateIntOrPercent } from './int-or-percent.ts';
import { nonnegative } from './metadata.ts';
import { validatePodTemplate } from './pod-template.ts';
import { validateClaimSpec } from './persistent-volume-claim.ts';
import {
  hasReadableSelector,
  SPEC,
  TEMPLATE,
  validateCollisionCount,
  validateCounts,
  validateReplicaCounts,
  validateRunningForever,
  validateSelection,
} from './workloads.ts';
import { goForm } from '../schema/go-form.ts';

const MUTABLE: ReadonlySet<string> = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

function validateUpdateStrategy({ updateStrategy }: StatefulSetSpec): FieldError[] {
  const at = SPEC.child('updateStrategy');
  const { type, rollingUpdate } = updateStrategy ?? {};
  if (!type) return [required(at)];
  if (type === 'OnDelete') {
    if (rollingUpdate === undefined) return [];
    return [
      invalidValue(
        at.child('rollingUpdate'),
        goForm('io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy', rollingUpdate),
        "only allowed for updateStrategy 'RollingUpdate'",
      ),
    ];
  }
  if (type !== 'RollingUpdate')
    return [
      invalidValue(
        at,
        goForm('io.k8s.api.apps.v1.StatefulSetUpdateStrategy', updateStrategy),
        "must be 'RollingUpdate' or 'OnDelete'",
      ),
    ];
  if (rollingUpdate === undefined) return [];
  const { partition, maxUnavailable } = rollingUpdate;
  const errors = nonnegative(partition, at.child('rollingUpdate', 'partition'));
  if (maxUnavailable === undefined) return errors;
  const where = at.child('rollingUpdate', 'maxUnavailable');
  errors.push(...validateIntOrPercent(maxUnavailable, where));
  if (intOrPercentNumber(maxUnavailable) === 0)
    errors.push(invalidValue(where, maxUnavailable, 'cannot be 0'));
  return [...errors, ...atMostAll(maxUnavailable, where)];
}

function validateManagement({ podManagementPolicy: policy }: StatefulSetSpec): FieldError[] {
  const at = SPEC.child('podManagementPolicy');
  if (!policy) return [required(at)];
  if (policy === 'OrderedReady' || policy === 'Parallel') return [];
  return [invalidValue(at, policy, "must be 'OrderedReady' or 'Parallel'")];
}

function validateRetention({
  persistentVolumeClaimRetentionPolicy: policy,
}: StatefulSetSpec): FieldError[] {
  if (policy === undefined) return [];
  const at = SPEC.child('persistentVolumeClaimRetentionPolicy');
  return (['whenDeleted', 'whenScaled'] as const).flatMap((name) => {
    const value = policy[name] ?? '';
    return value === 'Retain' || value === 'Delete'
      ? []
      : [notSupported(at.child(name), value, ['Retain', 'Delete'])];
  });
}

/** The template as pods will have it: with a volume for each claim, and names of the controller's. */
function templateOfPods({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  if (template?.spec === undefined) return template;
  const { subdomain: _subdomain, hostname: _hostname, ...spec } = template.spec;
  const names = new Set(volumeClaimTemplates.map(({ metadata }) => metadata?.name ?? ''));
  const claims = [...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const others = (spec.volumes ?? []).filter(({ name }) => !names.has(name));
  return { ...template, spec: { ...spec, volumes: [...claims, ...others] } };
}

export function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  if (spec === undefined) return [required(SPEC.child('selector'))];
  return [
    ...validateManagement(spec),
    ...validateUpdateStrategy(spec),
    ...validateRetention(spec),
    ...validateCounts(spec, ['replicas', 'minReadySeconds'], SPEC),
    ...nonnegative(spec.ordinals?.start, SPEC.child('ordinals.start')),
    ...validateSelection(spec, 'statefulset'),
    ...(hasReadableSelector(spec) ? validatePodTemplate(templateOfPods(spec), TEMPLATE) : []),
    ...validateRunningForever(spec.template, 'StatefulSet'),
  ];
}

/** What is checked of a new set only, because it cannot change. */
export function validateStatefulSetCreate({ spec }: StatefulSet): FieldError[] {
  const claims = SPEC.child('volumeClaimTemplates');
  return [
    ...(spec?.serviceName ? label(spec.serviceName, SPEC.child('serviceName')) : []),
    ...(spec?.volumeClaimTemplates ?? []).flatMap((claim, i) =>
      validateClaimSpec(claim.spec, claims.index(i).child('spec')),
    ),
  ];
}

export function validateStatefulSetUpdate(next: StatefulSet, old: StatefulSet): FieldError[] {
  const fixed = ({ spec }: StatefulSet): object =>
    Object.fromEntries(Object.entries(spec ?? {}).filter(([name]) => !MUTABLE.has(name)));
  if (equalValues(fixed(next), fixed(old))) return [];
  const detail =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  return [forbiddenField(SPEC, detail)];
}

export function validateStatefulSetStatus(next: StatefulSet, old: StatefulSet): FieldError[] {
  return [
    ...validateReplicaCounts(next.status, {
      parts: ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
      others: ['observedGeneration', 'collisionCount'],
      readyDetail: 'cannot be greater than status.readyReplicas',
    }),
    ...validateCollisionCount(next, old),
  ];
}
