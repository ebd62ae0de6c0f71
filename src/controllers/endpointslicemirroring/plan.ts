/**
 * Which EndpointSlices mirror an Endpoints object, and what must be written to get there. Pure.
 *
 * One slice for each family of addresses and set of ports. What is left over becomes what is missing
 * before anything is deleted or created.
 *
 * Upstream: pkg/controller/endpointslicemirroring/{reconciler,reconciler_helpers,utils}.go and
 * RepackSubsets in pkg/api/v1/endpoints/util.go, v1.36.
 */
import { ENDPOINTS } from '#api/core/endpoints.ts';
import type {
  EndpointAddress,
  Endpoints,
  EndpointPort as SubsetPort,
  EndpointSubset,
} from '#api/gen/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#api/gen/discovery-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { formatIp, parseIp } from '#base/ip.ts';
import { controllerReference } from '#reconcile/claim.ts';
import { sameMap } from '../shared/maps.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslicemirroring-controller.k8s.io';
/** Of a subset; those beyond are not mirrored. */
export const ENDPOINTS_PER_SUBSET_MAX = 1000;
const NOT_COPIED = [
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
];

type Family = 'IPv4' | 'IPv6';

export interface MirrorPlan {
  readonly creates: readonly EndpointSlice[];
  readonly updates: readonly EndpointSlice[];
  readonly deletes: readonly EndpointSlice[];
  /** Addresses that are none. */
  readonly invalid: number;
  /** Addresses beyond the limit. */
  readonly skipped: number;
}

/** What one slice should hold. */
interface Group {
  readonly family: Family;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: Endpoint[];
}

/** `slices`: those that mirror these Endpoints now. */
export function planMirror(endpoints: Endpoints, slices: readonly EndpointSlice[]): MirrorPlan {
  const wanted = groupsOf(endpoints);
  const existing = Map.groupBy(slices, keyOfSlice);
  const creates: EndpointSlice[] = [];
  const updates: EndpointSlice[] = [];
  const kept = new Set<EndpointSlice>();
  for (const [key, group] of wanted.groups) {
    if (group.endpoints.length === 0) continue;
    const [current] = existing.get(key) ?? [];
    const next = sliceOf(endpoints, group);
    if (current === undefined) creates.push(next);
    else {
      kept.add(current);
      if (!isMirror(current, next)) updates.push(renamed(next, current));
    }
  }
  const surplus = slices.filter((slice) => !kept.has(slice));
  const recycled = recycle(creates, surplus);
  return {
    creates: recycled.creates,
    updates: [...updates, ...recycled.updates],
    deletes: recycled.deletes,
    invalid: wanted.invalid,
    skipped: wanted.skipped,
  };
}

/** Slices that would be created take the names of those of their family that would be deleted. */
function recycle(
  creates: readonly EndpointSlice[],
  surplus: readonly EndpointSlice[],
): Pick<MirrorPlan, 'creates' | 'updates' | 'deletes'> {
  const left = [...surplus];
  const updates: EndpointSlice[] = [];
  const rest = creates.filter((slice) => {
    const at = left.findIndex(({ addressType }) => addressType === slice.addressType);
    const [old] = at < 0 ? [] : left.splice(at, 1);
    if (old === undefined) return true;
    updates.push(renamed(slice, old));
    return false;
  });
  return { creates: rest, updates, deletes: left };
}

function renamed(slice: EndpointSlice, old: EndpointSlice): EndpointSlice {
  const { generateName: _, ...metadata } = slice.metadata ?? {};
  const { name, resourceVersion } = old.metadata ?? {};
  return {
    ...slice,
    metadata: {
      ...metadata,
      ...(name === undefined ? {} : { name }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
}

interface Wanted {
  readonly groups: ReadonlyMap<string, Group>;
  readonly invalid: number;
  readonly skipped: number;
}

function groupsOf({ subsets = [] }: Endpoints): Wanted {
  const groups = new Map<string, Group>();
  let invalid = 0;
  let skipped = 0;
  for (const { ports, addresses } of repacked(subsets)) {
    let added = 0;
    for (const { address, ready } of addresses) {
      const endpoint = endpointOf(address, ready);
      if (endpoint === undefined) invalid++;
      else if (added >= ENDPOINTS_PER_SUBSET_MAX) skipped++;
      else {
        added++;
        const family: Family = endpoint.addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4';
        const key = keyOf(family, ports);
        const group = groups.get(key) ?? { family, ports, endpoints: [] };
        group.endpoints.push(endpoint);
        groups.set(key, group);
      }
    }
  }
  return { groups, invalid, skipped };
}

interface Offered {
  readonly address: EndpointAddress;
  readonly ready: boolean;
}

interface Packed {
  readonly ports: EndpointPort[];
  readonly addresses: readonly Offered[];
}

/** Each set of addresses with all ports that it offers: users may have written it in any parts. */
function repacked(subsets: readonly EndpointSubset[]): Packed[] {
  const byPort = new Map<string, { port?: SubsetPort; addresses: Map<string, Offered> }>();
  for (const { ports = [], addresses = [], notReadyAddresses = [] } of subsets) {
    for (const port of ports.length === 0 ? [undefined] : ports) {
      const key = port === undefined ? '' : portText(port);
      const entry = byPort.get(key) ?? {
        ...(port === undefined ? {} : { port }),
        addresses: new Map(),
      };
      byPort.set(key, entry);
      for (const address of addresses) offer(entry.addresses, { address, ready: true });
      for (const address of notReadyAddresses) offer(entry.addresses, { address, ready: false });
    }
  }
  const packed = new Map<string, { ports: EndpointPort[]; addresses: readonly Offered[] }>();
  for (const { port, addresses } of byPort.values()) {
    const key = [...addresses]
      .map(([name, { ready }]) => `${name} ${ready}`)
      .sort()
      .join('\n');
    const entry = packed.get(key) ?? { ports: [], addresses: [...addresses.values()] };
    packed.set(key, entry);
    if (port !== undefined) entry.ports.push(slicePort(port));
  }
  return [...packed.values()];
}

/** An address that is said to be both is not ready. */
function offer(addresses: Map<string, Offered>, offered: Offered): void {
  const { address, ready } = offered;
  const key = `${address.ip} ${address.targetRef?.uid ?? ''}`;
  if (!ready || !addresses.has(key)) addresses.set(key, offered);
}

function slicePort({ name = '', port, protocol = 'TCP', appProtocol }: SubsetPort): EndpointPort {
  return { name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
}

function endpointOf(
  { ip, hostname, nodeName, targetRef }: EndpointAddress,
  ready: boolean,
): Endpoint | undefined {
  const parsed = parseIp(ip);
  if (parsed === undefined) return undefined;
  return {
    addresses: [formatIp(parsed)],
    conditions: { ready },
    ...(hostname === undefined || hostname === '' ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

function portText({ name = '', port, protocol = 'TCP', appProtocol = '' }: EndpointPort): string {
  return JSON.stringify([name, port, protocol, appProtocol]);
}

function keyOf(family: string, ports: readonly EndpointPort[]): string {
  return [family, ...ports.map(portText).sort()].join(' ');
}

function keyOfSlice({ addressType, ports }: EndpointSlice): string {
  return keyOf(addressType, ports ?? []);
}

function sliceOf(endpoints: Endpoints, group: Group): EndpointSlice {
  const { name = '', namespace, labels, annotations = {} } = endpoints.metadata ?? {};
  const copied = Object.entries(annotations).filter(([key]) => !NOT_COPIED.includes(key));
  return {
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MANAGER },
      annotations: Object.fromEntries(copied),
      ownerReferences: [controllerReference(ENDPOINTS, endpoints)],
    },
    addressType: group.family,
    endpoints: group.endpoints,
    ports: [...group.ports],
  };
}

/** Whether a slice holds what it should; order is nobody's business. */
function isMirror(current: EndpointSlice, next: EndpointSlice): boolean {
  const texts = (slice: EndpointSlice): string[] => slice.endpoints.map(endpointText).sort();
  return (
    sameMap(current.metadata?.labels, next.metadata?.labels) &&
    sameMap(current.metadata?.annotations, next.metadata?.annotations) &&
    !isOfEarlier(current, next) &&
    equalValues(texts(current), texts(next))
  );
}

/** Whether it belongs to Endpoints of this name that are gone: with them it would go too. */
function isOfEarlier(current: EndpointSlice, next: EndpointSlice): boolean {
  const [owner] = next.metadata?.ownerReferences ?? [];
  return (current.metadata?.ownerReferences ?? []).some(
    ({ kind, name, uid }) => kind === 'Endpoints' && name === owner?.name && uid !== owner.uid,
  );
}

function endpointText(endpoint: Endpoint): string {
  const { addresses, conditions, hostname, nodeName, targetRef } = endpoint;
  const { kind, namespace, name, uid } = targetRef ?? {};
  return JSON.stringify([
    addresses,
    conditions?.ready,
    hostname,
    nodeName,
    kind,
    namespace,
    name,
    uid,
  ]);
}
