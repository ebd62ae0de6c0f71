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
import { goForm } from '../schema/go-form.ts';
import { diffOf } from './changes.ts';
import { validatePod } from './pod.ts';

const SPEC = fieldPath('spec');
const EPHEMERAL = 'io.k8s.api.core.v1.EphemeralContainer';
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
      const changes = diffOf(goForm(EPHEMERAL, before), goForm(EPHEMERAL, now));
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

type Requirements = Pick<ResourceRequirements, 'requests' | 'limits'>;

/** CPU and memory set back to what they were: what is left must be equal. */
function withoutResized(
  next: Requirements | undefined,
  old: Requirements | undefined,
): Requirements {
  const back = (after: List | undefined, before: List | undefined): Record<string, string> => {
    const others = Object.entries(after ?? {}).filter(([name]) => !RESIZED.has(name));
    const kept = Object.entries(before ?? {}).filter(([name]) => RESIZED.has(name));
    return Object.fromEntries([...others, ...kept]);
  };
  const requests = back(next?.requests, old?.requests);
  const limits = back(next?.limits, old?.limits);
  return {
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}

const RESIZED: ReadonlySet<string> = new Set(['cpu', 'memory']);

/** Upstream forgets the claims here, so that a container with some never can be resized. */
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

const ONLY_RESIZED = 'only cpu and memory resources';
const NO_RESTART =
  'non-sidecar init containers with a resize policy of RestartContainer cannot be resized';

/** What is left of a container once CPU and memory are set back may not differ. */
function validateContainer(next: Container, old: Container): FieldError[] {
  if (equalValues(resetContainer(next, old), old)) return [];
  return [forbiddenField(SPEC, `${ONLY_RESIZED} are mutable`)];
}

function validateInitContainer(next: Container, old: Container, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (!equalValues(resetContainer(next, old), old))
    errors.push(forbiddenField(at, `${ONLY_RESIZED} for init or sidecar containers are mutable`));
  if (next.restartPolicy === 'Always' || equalValues(next, old)) return errors;
  const restarts = (next.resizePolicy ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'RestartContainer',
  );
  return [...errors, ...restarts.map(() => forbiddenField(at, NO_RESTART))];
}

const isSet = (resources: Requirements | undefined): boolean =>
  Object.keys({ ...resources?.requests, ...resources?.limits }).length > 0;

/** The resources of the pod as a whole, with CPU and memory set back; undefined: there are none. */
function resetPodLevel(next: PodSpec, old: PodSpec): ResourceRequirements | undefined {
  if (!isSet(next.resources) && !isSet(old.resources)) return next.resources;
  if (next.resources === undefined) return undefined;
  const reset = { ...next.resources, ...withoutResized(next.resources, old.resources) };
  const isNothing = !isSet(reset) && (reset.claims ?? []).length === 0;
  return old.resources === undefined && isNothing ? undefined : reset;
}

function validatePodLevel(next: PodSpec, old: PodSpec): FieldError[] {
  if (!isSet(next.resources) && !isSet(old.resources)) return [];
  const at = SPEC.child('resources');
  if (old.resources !== undefined && next.resources === undefined)
    return [forbiddenField(at, 'pod-level resources cannot be removed')];
  const errors =
    old.resources === undefined
      ? []
      : validateKept(next.resources, old.resources, at, 'pod-level ');
  if (!equalValues(resetPodLevel(next, old), old.resources))
    errors.push(forbiddenField(SPEC, `${ONLY_RESIZED} are mutable at pod-level`));
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
  errors.push(...validateResources(after, before));
  if (errors.length > 0) return errors;
  // Even that a pod has resources of its own, though none are in them, is a change.
  const changed = (resetPodLevel(after, before) === undefined) !== (before.resources === undefined);
  return changed ? [forbiddenField(SPEC, `${ONLY_RESIZED} are mutable`)] : [];
}

function validateResources(next: PodSpec, old: PodSpec): FieldError[] {
  const pairs = (field: 'initContainers' | 'containers') =>
    (next[field] ?? []).flatMap((container, i) => {
      const stored = old[field]?.[i];
      return stored === undefined ? [] : [{ container, stored, at: SPEC.child(field).index(i) }];
    });
  const init = pairs('initContainers');
  const main = pairs('containers');
  return [
    ...[...init, ...main].flatMap(({ container, stored, at }) =>
      validateKept(container.resources, stored.resources, at.child('resources'), ''),
    ),
    ...main.flatMap(({ container, stored }) => validateContainer(container, stored)),
    ...init.flatMap(({ container, stored, at }) => validateInitContainer(container, stored, at)),
  ];
}
