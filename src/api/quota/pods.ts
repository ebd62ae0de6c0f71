/**
 * What Pods use of a quota. `count/pods` counts all that are stored; everything else only those that
 * may still run.
 *
 * Upstream: pkg/quota/v1/evaluator/core/pods.go and pkg/quota/v1/install/update_filter.go, v1.36.
 */
import type {
  ContainerStatus,
  Pod,
  PodAffinityTerm,
  ScopedResourceSelectorRequirement,
} from '#api/gen/core-v1.ts';
import { isPodTerminal } from '../core/pod-helpers.ts';
import { podQosClass } from '../core/qos.ts';
import {
  isPodLevelResource,
  podLimits,
  podRequests,
  type ResourceList,
} from '../core/resources.ts';
import { equalValues } from '../meta/equal.ts';
import { isExtendedResource, isHugePages, isNativeResource } from '../validation/resource-names.ts';
import { type Evaluator, objectCountName } from './evaluator.ts';
import { selectsName } from './scopes.ts';

const RESOURCE = { group: '', resource: 'pods' };
const COUNT = objectCountName(RESOURCE);
const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];
const NAMES = new Set([
  COUNT,
  'pods',
  ...COMPUTE.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);
const REQUESTS = 'requests.';
/** An extended resource that a device class has without naming one. */
const OF_DEVICE_CLASS = 'deviceclass.resource.kubernetes.io/';

/** `requests.example.com/gpu`: of extended resources nothing else can be limited. */
export function isExtendedQuotaName(name: string): boolean {
  if (!name.startsWith(REQUESTS)) return false;
  return !isNativeResource(name) || name.startsWith(REQUESTS + OF_DEVICE_CLASS);
}

export const POD_EVALUATOR: Evaluator<Pod> = {
  resource: RESOURCE,
  covers: (name) =>
    NAMES.has(name) ||
    isHugePages(name) ||
    name.startsWith(`${REQUESTS}hugepages-`) ||
    isExtendedQuotaName(name),
  isInScope,
  usage: (pod, { nowMs }) => podUsage(pod, nowMs),
  charges: ({ operation, subresource, object, old }) => {
    if (subresource === 'resize') return operation === 'UPDATE';
    if (subresource !== '') return false;
    return operation === 'CREATE' || isTerminating(object) !== isTerminating(old ?? object);
  },
  objection: missingAmounts,
  isFreedBy: (next, previous, nowMs) =>
    hasResized(next, previous) ||
    isTerminating(next) !== isTerminating(previous) ||
    (isCharged(previous, nowMs) && !isCharged(next, nowMs)),
};

export function podUsage(pod: Pod, nowMs: number): ResourceList {
  const stored = { [COUNT]: '1' };
  if (!isCharged(pod, nowMs)) return stored;
  const options = { useStatus: true };
  return { ...stored, ...computeUsage(podRequests(pod, options), podLimits(pod, options)) };
}

function computeUsage(requests: ResourceList, limits: ResourceList): ResourceList {
  const usage: Record<string, string> = { pods: '1' };
  for (const [name, amount] of Object.entries(requests)) {
    const isPlain = COMPUTE.includes(name) || isHugePages(name);
    if (isPlain) usage[name] = amount;
    if (isPlain || isExtendedResource(name) || name.startsWith(OF_DEVICE_CLASS))
      usage[REQUESTS + name] = amount;
  }
  for (const name of COMPUTE) {
    const limit = limits[name];
    if (limit !== undefined) usage[`limits.${name}`] = limit;
  }
  return usage;
}

/** Of what a quota has a limit of, each container must say how much it takes; of these alone. */
const DEMANDED = new Set(
  ['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
);

/** `must specify limits.cpu for: main,side; requests.cpu for: main` */
function missingAmounts(pod: Pod, names: readonly string[]): string | undefined {
  if (hasPodLevelResources(pod)) return undefined;
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const amounts = containers.map(({ name, resources }) => ({
    name,
    given: computeUsage(resources?.requests ?? {}, resources?.limits ?? {}),
  }));
  const parts = [...new Set(names)]
    .filter((name) => DEMANDED.has(name))
    .toSorted()
    .flatMap((name) => {
      const without = amounts.filter(({ given }) => given[name] === undefined);
      const those = [...new Set(without.map((each) => each.name))].toSorted();
      return those.length === 0 ? [] : [`${name} for: ${those.join(',')}`];
    });
  return parts.length === 0 ? undefined : `must specify ${parts.join('; ')}`;
}

function hasPodLevelResources({ spec }: Pod): boolean {
  const { requests = {}, limits = {} } = spec?.resources ?? {};
  return [...Object.keys(requests), ...Object.keys(limits)].some(isPodLevelResource);
}

/** May still run. One that hangs in its deletion beyond its grace is not held against anybody. */
function isCharged(pod: Pod, nowMs: number): boolean {
  if (isPodTerminal(pod)) return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata ?? {};
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return nowMs <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function isInScope(pod: Pod, scope: ScopedResourceSelectorRequirement): boolean {
  switch (scope.scopeName) {
    case 'Terminating':
      return isTerminating(pod);
    case 'NotTerminating':
      return !isTerminating(pod);
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      return selectsName(scope, [pod.spec?.priorityClassName ?? ''].filter(Boolean));
    case 'CrossNamespacePodAffinity':
      return affinityTerms(pod).some(reachesOtherNamespaces);
    default:
      return false;
  }
}

/** Ends by itself after a time. */
function isTerminating({ spec }: Pod): boolean {
  return spec?.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds >= 0;
}

function isBestEffort(pod: Pod): boolean {
  return (pod.status?.qosClass ?? podQosClass(pod)) === 'BestEffort';
}

function affinityTerms({ spec }: Pod): PodAffinityTerm[] {
  return [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm }) => podAffinityTerm,
    ),
  ]);
}

function reachesOtherNamespaces({ namespaces = [], namespaceSelector }: PodAffinityTerm): boolean {
  return namespaces.length > 0 || namespaceSelector !== undefined;
}

function hasResized(next: Pod, previous: Pod): boolean {
  const lists: (readonly [ContainerStatus[] | undefined, ContainerStatus[] | undefined])[] = [
    [previous.status?.containerStatuses, next.status?.containerStatuses],
    [previous.status?.initContainerStatuses, next.status?.initContainerStatuses],
  ];
  return lists.some(([before = [], after = []]) =>
    before.some(({ name, resources }) => {
      const now = after.find((status) => status.name === name);
      return now !== undefined && !equalValues(now.resources, resources);
    }),
  );
}
