/**
 * What of a pod may change while it runs: its resources and those of its containers. Pure.
 *
 * Three sets of them stand side by side: what the spec asks for, what the node has allocated, and
 * what was last told to the runtime (actuated). Source: KEP-1287; KEP-2837 (limits of the pod hold
 * for containers without their own); KEP-5419 (resizes of the whole pod). Upstream: pkg/kubelet/allocation/allocation_manager.go, v1.36.
 */
import { compareQuantity, quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import type { Container, Pod, ResourceRequirements } from '#api/gen/core-v1.ts';

type Quantities = Readonly<Record<string, string>>;

export interface PodResources {
  /** By name; init containers too. */
  readonly containers: Readonly<Record<string, ResourceRequirements>>;
  /** Of the pod as a whole. Absent: it has none; of what is actuated: not known. */
  readonly pod?: ResourceRequirements;
  /** Of what is actuated: changes have begun that have not all been made. */
  readonly isUnfinished?: boolean;
}

/** What can be changed in place: milli-CPU and bytes; 0 stands for what is not set. */
export interface Amounts {
  readonly cpuRequest: number;
  readonly cpuLimit: number;
  readonly memoryRequest: number;
  readonly memoryLimit: number;
}

export type Resizable = 'cpu' | 'memory';

export function resizableContainers(pod: Pod): readonly Container[] {
  return [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
}

/** What the spec of the pod asks for. */
export function resourcesOf(pod: Pod): PodResources {
  const entries = resizableContainers(pod).map(
    ({ name, resources }) => [name, resources ?? {}] as const,
  );
  const whole = pod.spec?.resources;
  return {
    containers: Object.fromEntries(entries),
    ...(whole === undefined ? {} : { pod: whole }),
  };
}

/** The pod as if its spec asked for `resources`: the same object when it does. */
export function withResources(pod: Pod, resources: PodResources): Pod {
  const { spec } = pod;
  if (spec === undefined || sameResources(resourcesOf(pod), resources)) return pod;
  const given = (container: Container): Container => {
    const own = resources.containers[container.name];
    return own === undefined ? container : { ...container, resources: own };
  };
  const { initContainers, resources: _, ...rest } = spec;
  return {
    ...pod,
    spec: {
      ...rest,
      ...(resources.pod === undefined ? {} : { resources: resources.pod }),
      containers: spec.containers.map(given),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(given) }),
    },
  };
}

/**
 * Whether `b` says the same of the pod, and of every container that `a` names: one that `b` leaves
 * out is the same.
 */
export function sameResources(a: PodResources, b: PodResources): boolean {
  if (!sameLists(a.pod, b.pod)) return false;
  return Object.entries(a.containers).every(([name, own]) => {
    const other = b.containers[name] ?? own;
    return sameLists(own, other);
  });
}

function sameLists(a: ResourceRequirements = {}, b: ResourceRequirements = {}): boolean {
  return sameList(a.requests, b.requests) && sameList(a.limits, b.limits);
}

function sameList(a: Quantities = {}, b: Quantities = {}): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => {
    const [left, right] = [a[name], b[name]];
    return left !== undefined && right !== undefined && compareQuantity(left, right) === 0;
  });
}

/** With the limits that the pod as a whole lends to a container that has none of its own. */
export function effective(pod: Pod, resources: ResourceRequirements = {}): ResourceRequirements {
  const { cpu, memory } = pod.spec?.resources?.limits ?? {};
  const lent = {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
  };
  const limits = { ...lent, ...resources.limits };
  return Object.keys(limits).length === 0 ? resources : { ...resources, limits };
}

export function amountsOf({ requests, limits }: ResourceRequirements): Amounts {
  return {
    cpuRequest: quantityMilli(requests?.['cpu'] ?? '0'),
    cpuLimit: quantityMilli(limits?.['cpu'] ?? '0'),
    memoryRequest: quantityValue(requests?.['memory'] ?? '0'),
    memoryLimit: quantityValue(limits?.['memory'] ?? '0'),
  };
}

/** Whether both ask for the same of what can be changed in place. */
export function sameAmounts(a: ResourceRequirements, b: ResourceRequirements): boolean {
  const [left, right] = [amountsOf(a), amountsOf(b)];
  return (
    left.cpuRequest === right.cpuRequest &&
    left.cpuLimit === right.cpuLimit &&
    left.memoryRequest === right.memoryRequest &&
    left.memoryLimit === right.memoryLimit
  );
}

/** `from`, but for one resource as in `to`. */
export function withOne(
  from: ResourceRequirements,
  to: ResourceRequirements,
  name: Resizable,
): ResourceRequirements {
  const list = (old: Quantities = {}, wanted: Quantities = {}): Quantities => {
    const { [name]: _, ...rest } = old;
    const value = wanted[name];
    return value === undefined ? rest : { ...rest, [name]: value };
  };
  return {
    ...from,
    requests: { ...list(from.requests, to.requests) },
    limits: { ...list(from.limits, to.limits) },
  };
}
