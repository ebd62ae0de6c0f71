/**
 * Lists of resources (`{cpu: '250m', memory: '1Gi'}`), and what a pod needs in all.
 *
 * Source: upstream staging/src/k8s.io/component-helpers/resource/helpers.go: containers run
 * together; init containers run one after another, each beside the sidecars that started before it
 * (KEP-753); what the whole pod asks for wins over the sum (KEP-2837); overhead comes on top.
 */
import type { Container, ContainerStatus, Pod, ResourceRequirements } from '#api/gen/core-v1.ts';
import { addQuantity, compareQuantity, parseQuantity } from '../codec/quantity.ts';
import { isSidecar, podCondition } from './pod-helpers.ts';

export type ResourceList = Readonly<Record<string, string>>;

export interface PodResourceOptions {
  /**
   * While a resize is under way, the greater of what is asked, allocated and running (KEP-1287):
   * what the scheduler and quotas count. A resize that cannot be met counts not as asked.
   */
  readonly useStatus?: boolean;
  readonly excludeOverhead?: boolean;
  /** Counts for each container that does not ask for the resource. */
  readonly missing?: ResourceList;
}

type Which = 'requests' | 'limits';

export const isPositive = (quantity: string): boolean => parseQuantity(quantity).digits > 0n;

/** left + right, for each resource. */
export function addResources(left: ResourceList, right: ResourceList | undefined): ResourceList {
  const sum: Record<string, string> = { ...left };
  for (const [name, value] of Object.entries(right ?? {})) {
    const before = sum[name];
    sum[name] = before === undefined ? value : addQuantity(before, value);
  }
  return sum;
}

/** The greater of both, for each resource. */
function maxResources(left: ResourceList, right: ResourceList | undefined): ResourceList {
  const result: Record<string, string> = { ...left };
  for (const [name, value] of Object.entries(right ?? {})) {
    const before = result[name];
    if (before === undefined || compareQuantity(value, before) > 0) result[name] = value;
  }
  return result;
}

/** Resources that may be given for a pod as a whole. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/** What was given to something, and what of it runs: a container or the whole pod. */
interface Actual {
  readonly resources: ResourceRequirements;
  readonly allocatedResources?: ResourceList | undefined;
}

/** The greater of what is asked for and what is there, of something that may be in a resize. */
function whileResizing(
  pod: Pod,
  which: Which,
  asked: ResourceList,
  { resources, allocatedResources }: Actual,
): ResourceList {
  const infeasible = podCondition(pod, 'PodResizePending')?.reason === 'Infeasible';
  const wanted = infeasible ? resources[which] : maxResources(asked, resources[which]);
  return which === 'limits' ? (wanted ?? {}) : maxResources(wanted ?? {}, allocatedResources);
}

/** What one container counts by itself. */
function partOf(
  pod: Pod,
  which: Which,
  { useStatus = false, missing }: PodResourceOptions,
): (container: Container, status?: readonly ContainerStatus[]) => ResourceList {
  return (container, statuses) => {
    const asked = container.resources?.[which] ?? {};
    const status = useStatus ? statuses?.find(({ name }) => name === container.name) : undefined;
    const { resources, allocatedResources } = status ?? {};
    const now =
      resources === undefined
        ? asked
        : whileResizing(pod, which, asked, { resources, allocatedResources });
    return missing === undefined ? now : { ...missing, ...now };
  };
}

/** What runs at the same time: the containers one by one, the sidecars, and each init phase. */
interface Phases {
  readonly containers: readonly ResourceList[];
  readonly sidecars: ResourceList;
  readonly starting: readonly ResourceList[];
}

function phasesOf(pod: Pod, which: Which, options: PodResourceOptions): Phases {
  const part = partOf(pod, which, options);
  const { spec, status } = pod;
  const containers = (spec?.containers ?? []).map((each) => part(each, status?.containerStatuses));
  let sidecars: ResourceList = {};
  const starting = (spec?.initContainers ?? []).map((each) => {
    if (!isSidecar(each)) return addResources(sidecars, part(each));
    sidecars = addResources(sidecars, part(each, status?.initContainerStatuses));
    return sidecars;
  });
  return { containers, sidecars, starting };
}

function aggregate(pod: Pod, which: Which, options: PodResourceOptions): ResourceList {
  const { containers, sidecars, starting } = phasesOf(pod, which, options);
  return starting.reduce(maxResources, [...containers, sidecars].reduce(addResources, {}));
}

/** What the containers of a pod request, without overhead. */
export function aggregateContainerRequests(pod: Pod): ResourceList {
  return aggregate(pod, 'requests', {});
}

export function aggregateContainerLimits(pod: Pod): ResourceList {
  return aggregate(pod, 'limits', {});
}

/** What the pod as a whole asks for (KEP-2837). */
function ofWholePod(pod: Pod, which: Which, { useStatus }: PodResourceOptions): ResourceList {
  const asked = pod.spec?.resources?.[which];
  if (asked === undefined) return {};
  const { resources, allocatedResources } = pod.status ?? {};
  const now =
    useStatus === true && resources !== undefined
      ? whileResizing(pod, which, asked, { resources, allocatedResources })
      : asked;
  const names = Object.keys(asked).filter(isPodLevelResource);
  return Object.fromEntries(names.map((name) => [name, now[name] ?? '0']));
}

/** What a pod requests in all, overhead included. */
export function podRequests(pod: Pod, options: PodResourceOptions = {}): ResourceList {
  const requests = {
    ...aggregate(pod, 'requests', options),
    ...ofWholePod(pod, 'requests', options),
  };
  return options.excludeOverhead === true ? requests : addResources(requests, pod.spec?.overhead);
}

/** What a pod may use in all; overhead widens a limit that is there, it does not make one. */
export function podLimits(pod: Pod, options: PodResourceOptions = {}): ResourceList {
  const limits: ResourceList = {
    ...aggregate(pod, 'limits', options),
    ...ofWholePod(pod, 'limits', options),
  };
  if (options.excludeOverhead === true) return limits;
  const overhead = Object.entries(pod.spec?.overhead ?? {}).filter(([name]) =>
    isPositive(limits[name] ?? '0'),
  );
  return addResources(limits, Object.fromEntries(overhead));
}

/**
 * Whether a limit holds all the pod at all times: each of its containers has one, or the pod itself
 * has. An init container that has none counts as limited by the sidecars beside it, as upstream.
 */
export function isLimitedThroughout(pod: Pod, name: string): boolean {
  if (isPositive(pod.spec?.resources?.limits?.[name] ?? '0')) return true;
  const { containers, starting } = phasesOf(pod, 'limits', {});
  return [...containers, ...starting].every((phase) => isPositive(phase[name] ?? '0'));
}
