/**
 * Extended resources that are devices: what a pod asks for by such names becomes requests of a claim
 * that the scheduler makes for it.
 *
 * Each container has its own devices for as long as the pod runs; init containers that end before
 * share one request, beside what containers after them will have. Source: KEP-5004; upstream v1.36
 * pkg/scheduler/framework/plugins/dynamicresources/extendeddynamicresources.go.
 */
import { quantityValue } from '#api/codec/quantity.ts';
import { isSidecar } from '#api/core/pod-helpers.ts';
import type { Container, ContainerExtendedResourceRequest, Pod } from '#api/gen/core-v1.ts';
import type { DeviceRequest, ResourceClaim } from '#api/gen/resource-v1.ts';

export const EXTENDED_CLAIM = 'resource.kubernetes.io/extended-resource-claim';
/** Of the claim before it is made: no claim can have this name. */
const UNMADE = '<extended-resources>';

export interface ExtendedRequests {
  readonly requests: readonly DeviceRequest[];
  /** Which containers use which of them. */
  readonly mappings: readonly ContainerExtendedResourceRequest[];
}

/** What the claim will be; it takes nothing yet. */
export function unmadeClaim({ metadata }: Pod): ResourceClaim {
  const { name = '', namespace = '', uid = '' } = metadata ?? {};
  return {
    metadata: {
      name: UNMADE,
      namespace,
      uid: `${UNMADE} of ${uid}`,
      generateName: `${name}-extended-resources-`,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid, controller: true }],
      annotations: { [EXTENDED_CLAIM]: 'true' },
    },
    spec: { devices: { requests: [] } },
  };
}

export function isUnmade({ metadata }: ResourceClaim): boolean {
  return metadata?.name === UNMADE;
}

/** The claim as the API is asked to make it. */
export function claimToMake({ metadata, spec }: ResourceClaim): ResourceClaim {
  const { name: _, uid: __, ...rest } = metadata ?? {};
  return { metadata: rest, ...(spec === undefined ? {} : { spec }) };
}

/** `classes`: the class of each resource that the node has as devices. */
export function extendedRequests(pod: Pod, classes: ReadonlyMap<string, string>): ExtendedRequests {
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const all: readonly Placed[] = [...initContainers, ...containers].map((container, index) => ({
    container,
    index,
    isShort: index < initContainers.length && !isSidecar(container),
  }));
  const parts = [...classes]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, className]) => requestsFor(resource, className, all));
  return {
    requests: parts
      .flatMap(({ requests }) => requests)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    mappings: parts.flatMap(({ mappings }) => mappings),
  };
}

interface Placed {
  readonly container: Container;
  readonly index: number;
  /** Ends before the next one starts. */
  readonly isShort: boolean;
}

interface Own {
  readonly index: number;
  readonly name: string;
  readonly count: number;
}

function requestsFor(
  resource: string,
  className: string,
  all: readonly Placed[],
): ExtendedRequests {
  const mapped = ({ container }: Placed, requestName: string) => ({
    containerName: container.name,
    resourceName: resource,
    requestName,
  });
  const mappings: ContainerExtendedResourceRequest[] = [];
  const long: Own[] = [];
  for (const placed of all.filter(({ isShort }) => !isShort)) {
    const own = ownRequest(resource, placed, 0);
    if (own === undefined) continue;
    long.push(own);
    mappings.push(mapped(placed, own.name));
  }
  // The largest of them does for all: they run one after the other.
  let most: Own | undefined;
  const shared = new Set<ContainerExtendedResourceRequest>();
  for (const placed of all.filter(({ isShort }) => isShort)) {
    const lent = lentTo(placed, amountIn(placed, resource), long);
    mappings.push(...lent.map(({ name }) => mapped(placed, name)));
    const own = ownRequest(
      resource,
      placed,
      lent.reduce((sum, { count }) => sum + count, 0),
    );
    if (own === undefined) continue;
    if (most === undefined || most.count < own.count) most = own;
    const mapping = mapped(placed, own.name);
    shared.add(mapping);
    mappings.push(mapping);
  }
  for (const mapping of shared) mapping.requestName = most?.name ?? mapping.requestName;
  const requests = most === undefined ? long : [most, ...long];
  return { requests: requests.map((own) => requestOf(own, className)), mappings };
}

/** What containers that start later will have, as far as it is needed. */
function lentTo({ index }: Placed, wanted: number, later: readonly Own[]): readonly Own[] {
  const lent: Own[] = [];
  let sum = 0;
  for (const own of later) {
    if (own.index < index || sum >= wanted) continue;
    sum += own.count;
    lent.push(own);
  }
  return lent;
}

function amountIn({ container }: Placed, resource: string): number {
  const amount = container.resources?.requests?.[resource];
  return amount === undefined ? 0 : quantityValue(amount);
}

/** Named after the container and the place of the resource among all that it asks for. */
function ownRequest(resource: string, placed: Placed, lent: number): Own | undefined {
  const count = amountIn(placed, resource) - lent;
  if (count <= 0) return undefined;
  const { container, index } = placed;
  const names = Object.keys(container.resources?.requests ?? {}).sort();
  return { index, name: `container-${index}-request-${names.indexOf(resource)}`, count };
}

function requestOf({ name, count }: Own, deviceClassName: string): DeviceRequest {
  return { name, exactly: { deviceClassName, allocationMode: 'ExactCount', count } };
}
