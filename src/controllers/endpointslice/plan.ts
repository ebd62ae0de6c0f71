/**
 * Which EndpointSlices a Service needs, and the least that must be written to get there. Pure.
 *
 * Endpoints that stay keep their slice; new ones fill slices that are written anyway, then slices
 * with room, then new slices, which take the place of slices that would go. Every write goes to
 * every node, so few writes beat full slices.
 *
 * Upstream: staging/src/k8s.io/endpointslice/{reconciler,utils}.go, v1.36 (KEP-752).
 */
import { isPodReady } from '#api/core/pod-helpers.ts';
import { SERVICE } from '#api/core/service.ts';
import type { Pod, Service } from '#api/gen/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#api/gen/discovery-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { controllerReference } from '#reconcile/claim.ts';
import { sameMap } from '../shared/maps.ts';
import { hasHostname, isEndpoint, isHeadless, targetPortOf } from '../shared/service-pods.ts';
import { type Hinted, type Unhinted, wantsTopology, withoutHints } from './topology.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';
export const ENDPOINTS_PER_SLICE_MAX = 100;

export type AddressType = 'IPv4' | 'IPv6';

export interface World {
  readonly service: Service;
  readonly pods: readonly Pod[];
  /** The slices of this Service that the controller made, but for those being deleted. */
  readonly slices: readonly EndpointSlice[];
  /** The zone of a node (empty when it has none); undefined when there is no such node. */
  zoneOf(node: string): string | undefined;
  /** Gives hints where the Service wants them by topology. */
  hint?(slices: Unhinted): Hinted;
}

export interface Plan {
  readonly creates: readonly EndpointSlice[];
  readonly updates: readonly EndpointSlice[];
  readonly deletes: readonly EndpointSlice[];
  /** Pods left out because their node is unknown. */
  readonly skipped: readonly Pod[];
}

export function planSlices(world: World): Plan {
  const families = addressTypes(world.service);
  const plans = families.map((family) => planFamily(world, family));
  // Families that the Service no longer has.
  const stale = world.slices.filter(
    ({ addressType }) => !families.some((family) => family === addressType),
  );
  // The garbage collector takes the slices of a Service that is being deleted: it gets no new ones.
  const isDeleted = world.service.metadata?.deletionTimestamp !== undefined;
  return {
    creates: isDeleted ? [] : plans.flatMap((plan) => plan.creates),
    updates: plans.flatMap((plan) => plan.updates),
    deletes: [...stale, ...plans.flatMap((plan) => plan.deletes)],
    skipped: plans[0]?.skipped ?? [],
  };
}

export function addressTypes({ spec }: Service): AddressType[] {
  const families = (spec?.ipFamilies ?? []).map(
    (family): AddressType => (family === 'IPv6' ? 'IPv6' : 'IPv4'),
  );
  if (families.length > 0) return families;
  return [spec?.clusterIP?.includes(':') === true ? 'IPv6' : 'IPv4'];
}

/** Endpoints that have the same ports: they share slices. */
interface Group {
  readonly ports: EndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

function planFamily(world: World, family: AddressType): Plan {
  const { groups, skipped } = groupEndpoints(world, family);
  const all = world.slices.filter(({ addressType }) => addressType === family);
  // Those of an earlier Service of this name go, before the garbage collector takes them.
  const existing = all.filter((slice) => isOwnedBy(slice, world.service));
  const keys = new Set([...groups.keys(), ...existing.map(({ ports }) => portsKey(ports))]);
  const creates: EndpointSlice[] = [];
  const changed = new Map<EndpointSlice, EndpointSlice>();
  let deletes = all.filter((slice) => !existing.includes(slice));
  for (const key of keys) {
    const group = groups.get(key);
    const own = existing.filter(({ ports }) => portsKey(ports) === key);
    const ports = group?.ports ?? own[0]?.ports ?? [];
    const shape = { service: world.service, family, ports };
    fit({ shape, slices: own, wanted: new Map(group?.endpoints), creates, changed, deletes });
  }
  if (creates.length === 0 && all.length === deletes.length) {
    // A Service without endpoints keeps one empty slice, so that its consumers know it.
    const placeholder = makeSlice({ service: world.service, family, ports: [] }, []);
    const [old, ...others] = deletes;
    if (old !== undefined && others.length === 0 && isSamePlaceholder(old, placeholder))
      deletes = [];
    else creates.push(placeholder);
  }
  const updates = [...changed]
    .filter(([before, after]) => !equalValues(before, after))
    .map(([, after]) => after);
  const written = new Set([...updates, ...deletes].map(({ metadata }) => metadata?.name));
  const unchanged = existing.filter(({ metadata }) => !written.has(metadata?.name));
  const hinted = world.hint?.({ family, creates, updates, unchanged }) ?? { creates, updates };
  const recycled = recycle(hinted.creates, deletes, world.service);
  return { ...recycled, updates: [...hinted.updates, ...recycled.updates], skipped };
}

function isOwnedBy({ metadata }: EndpointSlice, service: Service): boolean {
  return (metadata?.ownerReferences ?? []).some(
    ({ apiVersion, kind, uid }) =>
      apiVersion === 'v1' && kind === 'Service' && uid === service.metadata?.uid,
  );
}

function isSamePlaceholder(old: EndpointSlice, placeholder: EndpointSlice): boolean {
  return (
    (old.endpoints ?? []).length === 0 &&
    (old.ports ?? []).length === 0 &&
    sameMap(old.metadata?.labels, placeholder.metadata?.labels)
  );
}

/** Slices that would be made take the names of the Service's own that would go. */
function recycle(
  creates: readonly EndpointSlice[],
  deletes: readonly EndpointSlice[],
  service: Service,
): Pick<Plan, 'creates' | 'updates' | 'deletes'> {
  const rest = [...creates];
  const updates: EndpointSlice[] = [];
  const gone = deletes.filter((old) => {
    const slice = isOwnedBy(old, service) ? rest.pop() : undefined;
    if (slice === undefined) return true;
    const { name = '' } = old.metadata ?? {};
    updates.push({ ...slice, metadata: { ...slice.metadata, name } });
    return false;
  });
  return { creates: rest, updates, deletes: gone };
}

function groupEndpoints(
  world: World,
  family: AddressType,
): { groups: Map<string, Group>; skipped: Pod[] } {
  const groups = new Map<string, Group>();
  const skipped: Pod[] = [];
  const { service } = world;
  for (const pod of world.pods) {
    if (!isEndpoint(pod, true)) continue;
    const zone = world.zoneOf(pod.spec?.nodeName ?? '');
    if (zone === undefined && service.spec?.publishNotReadyAddresses !== true) {
      skipped.push(pod);
      continue;
    }
    const endpoint = endpointOf(pod, service, { family, zone });
    if (endpoint === undefined) continue;
    const ports = endpointPorts(pod, service);
    const key = portsKey(ports);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { ports, endpoints: new Map() }));
    group.endpoints.set(endpointKey(endpoint), endpoint);
  }
  return { groups, skipped };
}

function endpointOf(
  pod: Pod,
  service: Service,
  { family, zone }: { readonly family: AddressType; readonly zone: string | undefined },
): Endpoint | undefined {
  const ips = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? ''];
  const addresses = ips.filter((ip) => ip !== '' && ip.includes(':') === (family === 'IPv6'));
  if (addresses.length === 0) return undefined;
  const serving = isPodReady(pod);
  const terminating = pod.metadata?.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  const { nodeName = '', hostname = '' } = pod.spec ?? {};
  const hints = ready ? hintsOf(service, nodeName, zone ?? '') : undefined;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hasHostname(pod, service) ? { hostname } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName === '' ? {} : { nodeName }),
    ...((zone ?? '') === '' ? {} : { zone: zone ?? '' }),
    ...(hints === undefined ? {} : { hints }),
  };
}

/** Where traffic to this endpoint should come from (spec.trafficDistribution; KEP-3015). */
function hintsOf(service: Service, node: string, zone: string): Endpoint['hints'] | undefined {
  const { trafficDistribution } = service.spec ?? {};
  if (wantsTopology(service)) return undefined;
  const forZones = zone === '' ? {} : { forZones: [{ name: zone }] };
  switch (trafficDistribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return zone === '' ? undefined : forZones;
    case 'PreferSameNode':
      return node === '' ? undefined : { ...forZones, forNodes: [{ name: node }] };
    default:
      return undefined;
  }
}

function endpointPorts(pod: Pod, { spec }: Service): EndpointPort[] {
  return (spec?.ports ?? []).flatMap((port) => {
    const number = targetPortOf(pod, port);
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? '',
        protocol: port.protocol ?? 'TCP',
        port: number,
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      },
    ];
  });
}

function portsKey(ports: readonly EndpointPort[] | undefined): string {
  const rows = (ports ?? []).map(({ name = '', protocol = 'TCP', port, appProtocol = '' }) =>
    [name, protocol, port ?? 0, appProtocol].join('/'),
  );
  return rows.sort().join(',');
}

/** What makes two endpoints the same one, whatever its conditions. */
function endpointKey({ addresses, hostname = '', targetRef }: Endpoint): string {
  return [targetRef?.namespace, targetRef?.name, targetRef?.uid, hostname, ...addresses].join('|');
}

interface Shape {
  readonly service: Service;
  readonly family: AddressType;
  readonly ports: EndpointPort[];
}

/** Brings `slices` (of one set of ports) to hold exactly `wanted`. Fills creates, changed, deletes. */
function fit(parts: {
  readonly shape: Shape;
  readonly slices: readonly EndpointSlice[];
  readonly wanted: Map<string, Endpoint>;
  readonly creates: EndpointSlice[];
  readonly changed: Map<EndpointSlice, EndpointSlice>;
  readonly deletes: EndpointSlice[];
}): void {
  const { shape, slices, wanted, creates, changed, deletes } = parts;
  // Hints by topology are given afterwards: what there is of them makes no difference here.
  const isHinted = wantsTopology(shape.service);
  const drafts: { slice: EndpointSlice; kept: Endpoint[]; dirty: boolean }[] = [];
  for (const slice of slices) {
    const kept: Endpoint[] = [];
    let dirty = false;
    for (const endpoint of slice.endpoints ?? []) {
      const next = wanted.get(endpointKey(endpoint));
      wanted.delete(endpointKey(endpoint));
      if (next !== undefined) kept.push(next);
      if (!equalValues(next, isHinted ? withoutHints(endpoint) : endpoint)) dirty = true;
    }
    if (!hasRightMeta(shape.service, slice)) dirty = true;
    drafts.push({ slice, kept, dirty });
  }
  const rest = [...wanted.values()];
  // First those that are written anyway (the fullest of them first), then any that has room for all.
  const room = (draft: { kept: Endpoint[] }): number => ENDPOINTS_PER_SLICE_MAX - draft.kept.length;
  for (const draft of drafts
    .filter(({ dirty, kept }) => dirty && kept.length > 0)
    .sort((a, b) => room(a) - room(b))) {
    draft.kept.push(...rest.splice(0, room(draft)));
  }
  while (rest.length > 0) {
    // What does not fill a slice goes where it leaves the least room.
    const target = drafts
      .filter((draft) => !draft.dirty && room(draft) >= rest.length)
      .sort((a, b) => room(a) - room(b))[0];
    if (target === undefined) {
      creates.push(makeSlice(shape, rest.splice(0, ENDPOINTS_PER_SLICE_MAX)));
    } else {
      target.kept.push(...rest.splice(0));
      target.dirty = true;
    }
  }
  for (const { slice, kept, dirty } of drafts) {
    if (kept.length === 0) deletes.push(slice);
    else if (dirty) changed.set(slice, withLabels(shape.service, { ...slice, endpoints: kept }));
  }
}

function makeSlice({ service, family, ports }: Shape, endpoints: Endpoint[]): EndpointSlice {
  const { name = '', namespace = '' } = service.metadata ?? {};
  return {
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: labelsOf(service),
      ownerReferences: [controllerReference(SERVICE, service)],
    },
    addressType: family,
    endpoints,
    ports,
  };
}

/** The Service's labels, but for those that say whose slice it is. */
function labelsOf(service: Service): Record<string, string> {
  const { [HEADLESS]: _, ...labels } = service.metadata?.labels ?? {};
  return {
    ...labels,
    [SERVICE_NAME]: service.metadata?.name ?? '',
    [MANAGED_BY]: MANAGER,
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
  };
}

function withLabels(service: Service, slice: EndpointSlice): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels: labelsOf(service) } };
}

function hasRightMeta(service: Service, slice: EndpointSlice): boolean {
  return sameMap(slice.metadata?.labels, labelsOf(service));
}
