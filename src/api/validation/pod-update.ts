/**
 * What may change of a pod that is there: images, the deadline, tolerations (added), gates
 * (removed), and where a gated pod may be placed (narrowed).
 *
 * Source: upstream pkg/apis/core/validation/validation.go (ValidatePodUpdate).
 */
import type {
  Container,
  NodeAffinity,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Toleration,
} from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';
import { withSentEmpty } from '../meta/json.ts';
import {
  type FieldError,
  fieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '../meta/field.ts';
import { rangeError } from '../meta/names.ts';
import { goForm, goForms } from '../schema/go-form.ts';
import { diffOf } from './changes.ts';
import { validateAnnotationUpdate } from './pod-annotations.ts';

const SPEC = fieldPath('spec');
const POD_SPEC = 'io.k8s.api.core.v1.PodSpec';
const INT32_MAX = 2 ** 31 - 1;
const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
];

function validateContainerCount(
  next: readonly Container[],
  old: readonly Container[],
  field: string,
): FieldError[] {
  if (next.length !== old.length) {
    return [forbiddenField(SPEC.child(field), 'pod updates may not add or remove containers')];
  }
  return next.flatMap(({ image }, i) =>
    image ? [] : [required(SPEC.child(field).index(i).child('image'))],
  );
}

/** From none to some, and then only less. */
function validateDeadline(next: PodSpec, old: PodSpec): FieldError[] {
  const at = SPEC.child('activeDeadlineSeconds');
  const { activeDeadlineSeconds: after } = next;
  const { activeDeadlineSeconds: before } = old;
  if (after === undefined) {
    if (before === undefined) return [];
    return [invalidValue(at, null, 'must not update from a positive integer to nil value')];
  }
  if (after < 0 || after > INT32_MAX) return [invalidValue(at, after, rangeError(0, INT32_MAX))];
  return before !== undefined && before < after
    ? [invalidValue(at, after, 'must be less than or equal to previous value')]
    : [];
}

function validateTolerationsKept(
  next: readonly Toleration[],
  old: readonly Toleration[],
): FieldError[] {
  const withoutSeconds = ({ tolerationSeconds: _seconds, ...rest }: Toleration) => rest;
  const kept = old.every((before) =>
    next.some((after) => equalValues(withoutSeconds(after), withoutSeconds(before))),
  );
  if (kept) return [];
  return [
    forbiddenField(
      SPEC.child('tolerations'),
      'existing toleration can not be modified except its tolerationSeconds',
    ),
  ];
}

function validateGatesRemoved(next: PodSpec, old: PodSpec): FieldError[] {
  const before = new Set((old.schedulingGates ?? []).map(({ name }) => name));
  return (next.schedulingGates ?? []).flatMap(({ name }, i) =>
    before.has(name)
      ? []
      : [
          forbiddenField(
            SPEC.child('schedulingGates').index(i).child('name'),
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

function onlyAdds(next: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const lists = ['matchExpressions', 'matchFields'] as const;
  const empty = (term: NodeSelectorTerm): boolean =>
    lists.every((list) => (term[list] ?? []).length === 0);
  if (empty(old) && !empty(next)) return false;
  return lists.every((list) => {
    const before = old[list] ?? [];
    return equalValues((next[list] ?? []).slice(0, before.length), before);
  });
}

function validateNodeAffinity(
  next: NodeAffinity | undefined,
  old: NodeAffinity | undefined,
): FieldError[] {
  const before = old?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const after = next?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const at = SPEC.child(
    'affinity',
    'nodeAffinity',
    'requiredDuringSchedulingIgnoredDuringExecution',
    'nodeSelectorTerms',
  );
  if (before.length > 0 && before.length !== after.length) {
    return [
      invalidValue(
        at,
        after.length === 0 ? after : goForms('io.k8s.api.core.v1.NodeSelectorTerm', after),
        'no additions/deletions to non-empty NodeSelectorTerms list are allowed',
      ),
    ];
  }
  return before.flatMap((term, i) => {
    const now = after[i] ?? { matchExpressions: [] };
    if (onlyAdds(now, term)) return [];
    return [
      invalidValue(
        at.index(i),
        goForm('io.k8s.api.core.v1.NodeSelectorTerm', now),
        'only additions are allowed (no mutations or deletions)',
      ),
    ];
  });
}

/** While gates hold a pod, where it may run can be narrowed. */
function validateGated(next: PodSpec, old: PodSpec): FieldError[] {
  const before = old.nodeSelector ?? {};
  const after = next.nodeSelector ?? {};
  const errors: FieldError[] = [];
  if (Object.entries(before).some(([key, value]) => after[key] !== value)) {
    const detail = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    errors.push(invalidValue(SPEC.child('nodeSelector'), after, detail));
  }
  return [
    ...errors,
    ...validateNodeAffinity(next.affinity?.nodeAffinity, old.affinity?.nodeAffinity),
  ];
}

/** The spec with all that may change set back to what it was. */
function withoutAllowedChanges(next: PodSpec, old: PodSpec): PodSpec {
  const images = (
    containers: readonly Container[] | undefined,
    before: readonly Container[] | undefined,
  ) =>
    (containers ?? []).map((container, i) => {
      const image = before?.[i]?.image;
      return image === undefined ? container : withSentEmpty({ ...container, image }, container);
    });
  const back: PodSpec = { ...next, containers: images(next.containers, old.containers) };
  if (next.initContainers !== undefined)
    back.initContainers = images(next.initContainers, old.initContainers);
  const fields: (keyof PodSpec)[] = ['activeDeadlineSeconds', 'schedulingGates', 'tolerations'];
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1) {
    fields.push('terminationGracePeriodSeconds');
  }
  const gated = (old.schedulingGates ?? []).length > 0;
  if (gated) fields.push('nodeSelector');
  const kept = Object.fromEntries(
    Object.entries(back).filter(([name]) => !fields.some((field) => field === name)),
  );
  const restored = Object.fromEntries(fields.map((field) => [field, old[field]]));
  const affinity = gated
    ? { affinity: { ...back.affinity, nodeAffinity: old.affinity?.nodeAffinity } }
    : {};
  return withSentEmpty({ ...back, ...kept, ...restored, ...affinity } as PodSpec, next);
}

export function validatePodUpdate(next: Pod, old: Pod): FieldError[] {
  const errors = validateAnnotationUpdate(next, old);
  const after = next.spec;
  const before = old.spec;
  if (after === undefined || before === undefined) return errors;
  for (const field of ['containers', 'initContainers'] as const) {
    const found = validateContainerCount(after[field] ?? [], before[field] ?? [], field);
    errors.push(...found);
    if ((after[field] ?? []).length !== (before[field] ?? []).length) return errors;
  }
  errors.push(
    ...validateDeadline(after, before),
    ...validateTolerationsKept(after.tolerations ?? [], before.tolerations ?? []),
    ...validateGatesRemoved(after, before),
  );
  if ((before.schedulingGates ?? []).length > 0) errors.push(...validateGated(after, before));
  const munged = withoutAllowedChanges(after, before);
  if (!equalValues(munged, before)) {
    const changes = diffOf(goForm(POD_SPEC, before), goForm(POD_SPEC, munged));
    errors.push(
      forbiddenField(
        SPEC,
        `pod updates may not change fields other than ${UPDATABLE.join(',')}\n${changes}`,
      ),
    );
  }
  return errors;
}
