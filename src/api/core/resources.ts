/**
 * Lists of resources (`{cpu: '250m', memory: '1Gi'}`), and what a pod needs in all.
 *
 * Source: upstream staging/src/k8s.io/component-helpers/resource/helpers.go: containers run
 * together; init containers run one after another, each beside the sidecars that started before it
 * (KEP-753); requests of the whole pod win over the sum (KEP-2837); overhead comes on top.
 */
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { addQuantity, compareQuantity, parseQuantity } from '../codec/quantity.ts';

export type ResourceList = Readonly<Record<string, string>>;

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
export function maxResources(left: ResourceList, right: ResourceList | undefined): ResourceList {
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

type Part = (container: Container) => ResourceList | undefined;

function aggregate({ spec }: Pod, part: Part): ResourceList {
  let together: ResourceList = {};
  for (const container of spec?.containers ?? [])
    together = addResources(together, part(container));
  let sidecars: ResourceList = {};
  let starting: ResourceList = {};
  for (const container of spec?.initContainers ?? []) {
    const own = part(container);
    if (container.restartPolicy === 'Always') {
      together = addResources(together, own);
      sidecars = addResources(sidecars, own);
      starting = maxResources(starting, sidecars);
    } else {
      starting = maxResources(starting, addResources(sidecars, own));
    }
  }
  return maxResources(together, starting);
}

/** What the containers of a pod request, without overhead. */
export function aggregateContainerRequests(pod: Pod): ResourceList {
  return aggregate(pod, ({ resources }) => resources?.requests);
}

export function aggregateContainerLimits(pod: Pod): ResourceList {
  return aggregate(pod, ({ resources }) => resources?.limits);
}

/** The statuses of running containers by name, for pods that are being resized. */
function allocatedParts({
  status,
}: Pod): Map<string, { actuated: ResourceList; allocated: ResourceList }> {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  return new Map(
    statuses
      .filter(({ resources }) => resources !== undefined)
      .map(({ name, resources, allocatedResources }) => [
        name,
        { actuated: resources?.requests ?? {}, allocated: allocatedResources ?? {} },
      ]),
  );
}

/**
 * What a pod requests in all, overhead included: what the scheduler and quotas count. With
 * `useStatus`, the greater of what is asked, allocated and running while a resize is under way
 * (KEP-1287); a resize that cannot be met counts not as asked.
 */
export function podRequests(
  pod: Pod,
  options: { readonly useStatus?: boolean } = {},
): ResourceList {
  const running = options.useStatus === true ? allocatedParts(pod) : undefined;
  const infeasible = pod.status?.conditions?.some(
    ({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible',
  );
  let requests = aggregate(pod, (container) => {
    const asked = container.resources?.requests ?? {};
    const current = running?.get(container.name);
    if (current === undefined) return asked;
    return maxResources(
      maxResources(infeasible === true ? {} : asked, current.actuated),
      current.allocated,
    );
  });
  for (const [name, value] of Object.entries(pod.spec?.resources?.requests ?? {})) {
    if (isPodLevelResource(name)) requests = { ...requests, [name]: value };
  }
  return addResources(requests, pod.spec?.overhead);
}

/** What a pod may use in all; overhead is added to what is limited. */
export function podLimits(pod: Pod): ResourceList {
  let limits = aggregateContainerLimits(pod);
  for (const [name, value] of Object.entries(pod.spec?.resources?.limits ?? {})) {
    if (isPodLevelResource(name)) limits = { ...limits, [name]: value };
  }
  const overhead = Object.entries(pod.spec?.overhead ?? {}).filter(([name]) =>
    isPositive(limits[name] ?? '0'),
  );
  return addResources(limits, Object.fromEntries(overhead));
}
