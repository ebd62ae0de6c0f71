/**
 * Writes to pods/ephemeralcontainers and pods/resize.
 *
 * Source: upstream pkg/apis/core/validation/validation.go (ValidatePodEphemeralContainersUpdate,
 * ValidatePodResize).
 */
import type { Container, Pod, PodSpec, ResourceRequirements } from '#api/gen/core-v1.ts';
import { podQosClass } from '../core/qos.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
} from '../meta/field.ts';
import { changedFields } from './changes.ts';
import { validatePod } from './pod.ts';

const SPEC = fieldPath('spec');
const MIRROR = 'kubernetes.io/config.mirror';
const isStatic = ({ metadata }: Pod): boolean => metadata?.annotations?.[MIRROR] !== undefined;

export function validateEphemeralContainersUpdate(next: Pod, old: Pod): FieldError[] {
  if (isStatic(old)) return [forbiddenField('', 'static pods do not support ephemeral containers')];
  const errors = validatePod(next);
  const at = SPEC.child('ephemeralContainers');
  const after = new Map(
    (next.spec?.ephemeralContainers ?? []).map((container) => [container.name, container]),
  );
  for (const before of old.spec?.ephemeralContainers ?? []) {
    const name = JSON.stringify(before.name);
    const now = after.get(before.name);
    if (now === undefined)
      errors.push(forbiddenField(at, `existing ephemeral containers ${name} may not be removed\n`));
    else if (!equalValues(now, before)) {
      const changes = changedFields(now, before);
      errors.push(
        forbiddenField(at, `existing ephemeral containers ${name} may not be changed\n${changes}`),
      );
    }
  }
  return errors;
}

type List = Readonly<Record<string, string>>;

function isRemoved(next: List | undefined, old: List | undefined): boolean {
  return Object.keys(old ?? {}).some((name) => next?.[name] === undefined);
}

function validateKept(
  next: ResourceRequirements | undefined,
  old: ResourceRequirements | undefined,
  at: FieldPath,
  of: string,
): FieldError[] {
  return (['requests', 'limits'] as const)
    .filter((list) => isRemoved(next?.[list], old?.[list]))
    .map((list) => forbiddenField(at.child(list), `${of}resource ${list} cannot be removed`));
}

/** CPU and memory set back to what they were: what is left must be equal. */
function withoutResized(
  next: ResourceRequirements | undefined,
  old: ResourceRequirements | undefined,
): ResourceRequirements {
  const back = (after: List | undefined, before: List | undefined): Record<string, string> => {
    const others = Object.entries(after ?? {}).filter(
      ([name]) => name !== 'cpu' && name !== 'memory',
    );
    const kept = Object.entries(before ?? {}).filter(
      ([name]) => name === 'cpu' || name === 'memory',
    );
    return Object.fromEntries([...others, ...kept]);
  };
  return {
    requests: back(next?.requests, old?.requests),
    limits: back(next?.limits, old?.limits),
    ...(next?.claims === undefined ? {} : { claims: next.claims }),
  };
}

const resetContainer = (next: Container, old: Container): Container => ({
  ...next,
  resources: withoutResized(next.resources, old.resources),
});

function validateOrder(
  next: readonly Container[],
  old: readonly Container[],
  field: string,
): FieldError[] {
  const at = SPEC.child(field);
  if (next.length !== old.length)
    return [forbiddenField(at, `${field} may not be added or removed on resize`)];
  return next.flatMap(({ name }, i) =>
    name === old[i]?.name
      ? []
      : [
          forbiddenField(
            at.index(i).child('name'),
            `${field} may not be renamed or reordered on resize`,
          ),
        ],
  );
}

function validateContainer(
  next: Container,
  old: Container,
  at: FieldPath,
  isInit: boolean,
): FieldError[] {
  // Init containers that end are not resizable (gate InPlacePodVerticalScalingInitContainers).
  if (isInit && old.restartPolicy !== 'Always') {
    if (equalValues(next, old)) return [];
    return [forbiddenField(SPEC, 'resources for non-sidecar init containers are immutable')];
  }
  const errors = validateKept(next.resources, old.resources, at.child('resources'), '');
  if (
    equalValues(resetContainer(next, old), {
      ...old,
      resources: withoutResized(old.resources, old.resources),
    })
  )
    return errors;
  const detail = 'only cpu and memory resources';
  return [
    ...errors,
    isInit
      ? forbiddenField(at, `${detail} for init or sidecar containers are mutable`)
      : forbiddenField(SPEC, `${detail} are mutable`),
  ];
}

function validatePodLevel(next: PodSpec, old: PodSpec): FieldError[] {
  const at = SPEC.child('resources');
  if (old.resources !== undefined && next.resources === undefined) {
    return [forbiddenField(at, 'pod-level resources cannot be removed')];
  }
  if (next.resources === undefined) return [];
  const errors = validateKept(next.resources, old.resources, at, 'pod-level ');
  const same = equalValues(
    withoutResized(next.resources, old.resources),
    withoutResized(old.resources, old.resources),
  );
  if (!same)
    errors.push(forbiddenField(SPEC, 'only cpu and memory resources are mutable at pod-level'));
  return errors;
}

/** The node reports resources of running containers, so it can change them. */
function nodeCanResize({ status }: Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

export function validatePodResize(next: Pod, old: Pod): FieldError[] {
  if (isStatic(old)) return [forbiddenField('', 'static pods cannot be resized')];
  if (old.spec?.os?.name === 'windows')
    return [forbiddenField('[]', 'windows pods cannot be resized')];
  const errors = validatePod(next);
  const after = next.spec;
  const before = old.spec;
  if (after === undefined || before === undefined) return errors;
  if ((old.status?.qosClass ?? podQosClass(old)) !== podQosClass(next)) {
    const detail = 'Pod QOS Class may not change as a result of resizing';
    errors.push(invalidValue(SPEC, next.status?.qosClass ?? '', detail));
  }
  if (!nodeCanResize(old))
    errors.push(forbiddenField(SPEC, 'Pod running on node without support for resize'));
  errors.push(...validatePodLevel(after, before));
  const order = [
    ...validateOrder(after.containers ?? [], before.containers ?? [], 'containers'),
    ...validateOrder(after.initContainers ?? [], before.initContainers ?? [], 'initContainers'),
  ];
  if (order.length > 0) return [...errors, ...order];
  for (const field of ['initContainers', 'containers'] as const) {
    for (const [i, container] of (after[field] ?? []).entries()) {
      const stored = before[field]?.[i];
      if (stored === undefined) continue;
      errors.push(
        ...validateContainer(
          container,
          stored,
          SPEC.child(field).index(i),
          field === 'initContainers',
        ),
      );
    }
  }
  return errors;
}
