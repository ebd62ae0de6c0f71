/**
 * From what was allocated and what was last told to the runtime to what must be done. Pure.
 *
 *   allocated, actuated, observed ─▶ planResize  ─▶ containers to update, containers to restart
 *   that, the cgroup of the pod   ─▶ resizeSteps ─▶ one change after another
 *
 * Source: KEP-1287 ("Kubelet Restart Policy", "CRI Changes"), KEP-5419. Upstream:
 * pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodResizeAction, doPodResizeAction), v1.36.
 */
import type { Container, Pod, ResourceRequirements } from '#api/gen/core-v1.ts';
import type { CgroupLimits } from '../cgroups/pod-cgroup.ts';
import { latestContainer, type ObservedContainer, type ObservedPod } from '../pod/observed.ts';
import {
  type Amounts,
  amountsOf,
  effective,
  type Resizable,
  resizableContainers,
  sameAmounts,
} from './pod-resources.ts';

export interface ContainerResize {
  readonly id: string;
  readonly container: Container;
  /** As last told to the runtime. */
  readonly from: ResourceRequirements;
  readonly to: ResourceRequirements;
}

export interface ResizePlan {
  /** Those that become smaller come first: what they give back is there for the others. */
  readonly memory: readonly ContainerResize[];
  readonly cpu: readonly ContainerResize[];
  /** Ids of the containers that ask to be started anew for it. */
  readonly restarts: ReadonlySet<string>;
  /** An earlier try did not come to its end: the pod's cgroup may not be as it shall be. */
  readonly isUnfinished: boolean;
  /** `unknown`: what the pod's cgroup was last given was forgotten, so it is to be looked at. */
  readonly whole: 'settled' | 'changed' | 'unknown';
}

/** Whether the pod has all that is allocated to it, as far as is known. */
export function isSettled({ memory, cpu, restarts, isUnfinished, whole }: ResizePlan): boolean {
  const isSame = whole !== 'changed' && !isUnfinished;
  return memory.length + cpu.length + restarts.size === 0 && isSame;
}

/** Whether there is nothing to do. */
export function isIdle(plan: ResizePlan): boolean {
  return isSettled(plan) && plan.whole === 'settled';
}

/** What was last told to the runtime, and given to the pod's cgroup. */
export interface Actuated {
  /** Of a container that runs. */
  of(container: Container, latest: ObservedContainer): ResourceRequirements;
  /** Of the pod as a whole; undefined: not known. */
  readonly whole: ResourceRequirements | undefined;
  readonly isUnfinished: boolean;
}

/** `pod`: as the node has allocated it. */
export function planResize(pod: Pod, observed: ObservedPod, actuated: Actuated): ResizePlan {
  const memory: ContainerResize[] = [];
  const cpu: ContainerResize[] = [];
  const restarts = new Set<string>();
  for (const container of resizableContainers(pod)) {
    const latest = latestContainer(observed, container.name);
    if (latest?.state !== 'running') continue;
    const from = actuated.of(container, latest);
    const resize = { id: latest.id, container, from, to: effective(pod, container.resources) };
    const changed = changedResources(resize);
    if (changed.some((name) => restartsFor(container, name))) restarts.add(latest.id);
    else {
      if (changed.includes('memory')) memory.push(resize);
      if (changed.includes('cpu')) cpu.push(resize);
    }
  }
  return {
    memory: memory.toSorted((a, b) => direction(a, 'memory') - direction(b, 'memory')),
    cpu: cpu.toSorted((a, b) => direction(a, 'cpu') - direction(b, 'cpu')),
    restarts,
    isUnfinished: actuated.isUnfinished,
    whole: wholeOf(pod, observed, actuated.whole),
  };
}

/** Without a sandbox the pod's cgroup is yet to be made, of what is allocated then. */
function wholeOf(
  { spec }: Pod,
  { sandboxes }: ObservedPod,
  actuated: ResourceRequirements | undefined,
): ResizePlan['whole'] {
  if (!sandboxes.some(({ ready }) => ready)) return 'settled';
  if (actuated !== undefined)
    return sameAmounts(actuated, spec?.resources ?? {}) ? 'settled' : 'changed';
  return spec?.resources === undefined ? 'settled' : 'unknown';
}

/** Without the containers that are stopped for another reason: they start with what is new. */
export function withoutContainers(plan: ResizePlan, ids: ReadonlySet<string>): ResizePlan {
  const stays = ({ id }: ContainerResize): boolean => !ids.has(id);
  return { ...plan, memory: plan.memory.filter(stays), cpu: plan.cpu.filter(stays) };
}

function changedResources({ from, to }: ContainerResize): Resizable[] {
  const [old, wanted] = [amountsOf(from), amountsOf(to)];
  const differs = (...keys: (keyof Amounts)[]): boolean =>
    keys.some((key) => old[key] !== wanted[key]);
  return [
    ...(differs('memoryRequest', 'memoryLimit') ? (['memory'] as const) : []),
    ...(differs('cpuRequest', 'cpuLimit') ? (['cpu'] as const) : []),
  ];
}

function restartsFor({ resizePolicy = [] }: Container, name: Resizable): boolean {
  const policy = resizePolicy.find(({ resourceName }) => resourceName === name);
  return policy?.restartPolicy === 'RestartContainer';
}

/** Below 0 when the container becomes smaller; by the limit, else by the request. */
function direction({ from, to }: ContainerResize, name: Resizable): number {
  const [old, wanted] = [amountsOf(from), amountsOf(to)];
  return Math.sign(
    wanted[`${name}Limit`] - old[`${name}Limit`] ||
      wanted[`${name}Request`] - old[`${name}Request`],
  );
}

/** One change: of some values of the pod's cgroup, or of one resource of a container. */
export type ResizeStep =
  | { readonly pod: Partial<CgroupLimits> }
  | { readonly container: ContainerResize; readonly resource: Resizable };

/**
 * The pod's cgroup grows before its containers and shrinks after them: no sum of theirs is ever
 * above it. A limit that the pod has no more stays as it is, for limits are never taken away.
 */
export function resizeSteps(
  plan: ResizePlan,
  current: Partial<CgroupLimits>,
  wanted: CgroupLimits,
): ResizeStep[] {
  const change = (key: keyof CgroupLimits): { more: ResizeStep[]; less: ResizeStep[] } => {
    const [old, next] = [current[key] ?? unset(key), wanted[key]];
    const step = next === undefined || next === old ? [] : [{ pod: { [key]: next } }];
    const grows = next !== undefined && next > old;
    return { more: grows ? step : [], less: grows ? [] : step };
  };
  const update = (container: ContainerResize, resource: Resizable): ResizeStep => ({
    container,
    resource,
  });
  const [memory, quota, shares] = [
    change('memoryBytes'),
    change('cpuQuotaUs'),
    change('cpuShares'),
  ];
  return [
    ...memory.more,
    ...plan.memory.map((each) => update(each, 'memory')),
    ...memory.less,
    ...quota.more,
    ...shares.more,
    ...plan.cpu.map((each) => update(each, 'cpu')),
    ...shares.less,
    ...quota.less,
  ];
}

/** No limit is more than any. */
function unset(key: keyof CgroupLimits): number {
  return key === 'cpuShares' ? 0 : Number.POSITIVE_INFINITY;
}

export interface MemoryUsage {
  /** Of the pod's cgroup; undefined: not known. */
  readonly pod: number | undefined;
  /** Of each container, by id. */
  readonly containers: ReadonlyMap<string, number>;
}

/** Whether a memory limit is lowered, so that usage matters. */
export function lowersMemory(
  steps: readonly ResizeStep[],
  current: Partial<CgroupLimits>,
): boolean {
  return steps.some((step) => loweredTo(step, current) !== undefined);
}

/**
 * Why the memory limits cannot be lowered now: the kernel would refuse, or kill. Undefined: they
 * can. The usage may have grown when they are, so this catches most cases and not all.
 */
export function memoryFault(
  steps: readonly ResizeStep[],
  current: Partial<CgroupLimits>,
  usage: MemoryUsage,
): string | undefined {
  const faults = steps.flatMap((step) => {
    const limit = loweredTo(step, current);
    if (limit === undefined) return [];
    const isPod = 'pod' in step;
    const used = isPod ? usage.pod : usage.containers.get(step.container.id);
    const name = isPod ? 'pod' : `container "${step.container.container.name}"`;
    if (used === undefined) return [`missing ${name} memory usage`];
    if (used < limit) return [];
    return [`attempting to set ${name} memory limit (${limit}) below current usage (${used})`];
  });
  if (faults.length === 0) return undefined;
  const text = faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`;
  return `cannot decrease memory limits: ${text}`;
}

function loweredTo(step: ResizeStep, current: Partial<CgroupLimits>): number | undefined {
  if ('pod' in step) {
    const { memoryBytes } = step.pod;
    const old = current.memoryBytes ?? Number.POSITIVE_INFINITY;
    return memoryBytes !== undefined && memoryBytes < old ? memoryBytes : undefined;
  }
  if (step.resource !== 'memory') return undefined;
  const { memoryLimit: old } = amountsOf(step.container.from);
  const { memoryLimit: wanted } = amountsOf(step.container.to);
  return wanted !== 0 && (old === 0 || wanted < old) ? wanted : undefined;
}
