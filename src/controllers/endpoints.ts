/**
 * Endpoints: the ancestor of EndpointSlice, one object for each Service, kept for old clients.
 *
 * At most 1,000 addresses; only the Service's first address family. Upstream:
 * pkg/controller/endpoint/endpoints_controller.go and pkg/api/v1/endpoints/util.go, v1.36.
 */
import { isPodReady } from '#api/core/pod-helpers.ts';
import { ENDPOINTS } from '#api/core/endpoints.ts';
import { POD } from '#api/core/pod.ts';
import { SERVICE } from '#api/core/service.ts';
import type {
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSubset,
  Pod,
  Service,
} from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { isNotFound } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { keyOf, splitKey } from '#client/informer.ts';
import {
  type Context,
  type Controller,
  defineController,
  defineKeyController,
  type Result,
  type Setup,
  watch,
} from '#reconcile/controller.ts';
import { sameMap } from './shared/maps.ts';
import { isNamespaceTerminating } from './shared/pod-control.ts';
import {
  hasEndpoints,
  hasHostname,
  isEndpoint,
  isHeadless,
  podsOf,
  servicesOfPod,
  targetPortOf,
} from './shared/service-pods.ts';
import { TriggerTimes, withTriggerTime } from './shared/trigger-times.ts';

const ADDRESSES_MAX = 1000;
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';
const HEADLESS = 'service.kubernetes.io/headless';

/** Endpoints that once served for leader election have no Service. */
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
const NAME = 'endpoint-controller';

export const endpointsController: Controller = defineKeyController({
  name: NAME,
  create(setup) {
    const triggers = new TriggerTimes();
    const controller = defineController<Service>({
      name: NAME,
      for: SERVICE,
      watches: [
        watch<Pod, Service>({ type: POD, keys: servicesOfPod }),
        watch<Endpoints, Service>({
          type: ENDPOINTS,
          keys: ({ key, type }) => (type === 'deleted' ? [key] : []),
        }),
      ],
      reconcile: (service, context) => reconcile(service, context, triggers),
      gone: (key, context) => {
        triggers.gone(key);
        return gone(key, context);
      },
    });
    const pass = controller.create(setup);
    wakeLeftovers(setup);
    return pass;
  },
});

/** What is there at the start may be of Services that went while nobody looked. */
function wakeLeftovers(setup: Setup): void {
  const endpoints = setup.watch(ENDPOINTS);
  endpoints.synced().then(
    () => {
      for (const each of endpoints.list()) {
        if (each.metadata?.annotations?.[LEADER] === undefined) setup.enqueue(keyOf(each));
      }
    },
    () => undefined,
  );
}

async function reconcile(
  service: Service,
  context: Context<Service>,
  triggers: TriggerTimes,
): Promise<Result> {
  if (!hasEndpoints(service)) return {};
  const current = context.informer(ENDPOINTS).get(context.key);
  const pods = podsOf(service, context.informer(POD));
  const triggerTime = triggers.next(context.key, service, pods);
  const planned = planEndpoints(service, pods, current);
  if (current !== undefined && isUpToDate(current, planned)) return {};
  const next = withTriggerTime(planned, triggerTime);
  try {
    if (current === undefined) await context.client.create(ENDPOINTS, next);
    else await context.client.update(ENDPOINTS, next);
  } catch (error) {
    if (current === undefined && isNamespaceTerminating(error)) return {};
    tellFailure(next, { error, isNew: current === undefined }, context);
    throw error;
  }
  return {};
}

function tellFailure(
  endpoints: Endpoints,
  { error, isNew }: { readonly error: unknown; readonly isNew: boolean },
  { key, events }: Context<Service>,
): void {
  const [reason, verb] = isNew
    ? ['FailedToCreateEndpoint', 'create endpoint for service']
    : ['FailedToUpdateEndpoint', 'update endpoint'];
  events.event({
    about: { kind: 'Endpoints', apiVersion: 'v1', ...endpoints },
    type: 'Warning',
    reason,
    message: `Failed to ${verb} ${key}: ${messageOf(error)}`,
  });
}

async function gone(key: string, context: Context<Service>): Promise<Result> {
  if (context.informer(ENDPOINTS).get(key) === undefined) return {};
  await context.client.delete(ENDPOINTS, splitKey(key)).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
  return {};
}

function isUpToDate(current: Endpoints, next: Endpoints): boolean {
  const mark = (endpoints: Endpoints): string | undefined =>
    endpoints.metadata?.annotations?.[OVER_CAPACITY];
  return (
    equalValues(current.subsets, next.subsets) &&
    sameMap(current.metadata?.labels, next.metadata?.labels) &&
    mark(current) === mark(next)
  );
}

/** The object as it should be, made from the one that is there. Pure. */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  current: Endpoints | undefined,
): Endpoints {
  const all = subsetsOf(service, pods);
  const { subsets, truncated } = truncate(all);
  const { name = '', namespace = '', labels = {} } = service.metadata ?? {};
  const { [OVER_CAPACITY]: _, ...annotations } = current?.metadata?.annotations ?? {};
  const { [HEADLESS]: __, ...plain } = labels;
  return {
    ...current,
    metadata: {
      ...current?.metadata,
      name,
      namespace,
      labels: {
        ...plain,
        ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
        [MANAGED_BY]: MANAGER,
      },
      annotations: { ...annotations, ...(truncated ? { [OVER_CAPACITY]: 'truncated' } : {}) },
    },
    subsets,
  };
}

interface Listed {
  readonly address: EndpointAddress;
  readonly ready: boolean;
}

/** Addresses with the same ports share a subset; sorted, so that equal worlds give equal objects. */
function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const publishAll = service.spec?.publishNotReadyAddresses === true;
  const byPort = new Map<string, { port: EndpointPort | undefined; listed: Map<string, Listed> }>();
  for (const pod of pods) {
    if (!isEndpoint(pod, publishAll)) continue;
    const address = addressOf(pod, service);
    if (address === undefined) continue;
    const ready = publishAll || isPodReady(pod);
    for (const port of portsOf(pod, service)) {
      const key = JSON.stringify(port ?? null);
      let entry = byPort.get(key);
      if (entry === undefined) byPort.set(key, (entry = { port, listed: new Map() }));
      entry.listed.set(`${address.ip} ${address.targetRef?.uid ?? ''}`, { address, ready });
    }
  }
  return merge([...byPort.values()]);
}

/** Ports with exactly the same addresses go into one subset. */
function merge(
  entries: readonly { port: EndpointPort | undefined; listed: Map<string, Listed> }[],
): EndpointSubset[] {
  const merged = new Map<string, { ports: EndpointPort[]; listed: Listed[] }>();
  for (const { port, listed } of entries) {
    const rows = [...listed].sort(([a], [b]) => (a < b ? -1 : 1));
    const key = rows.map(([name, { ready }]) => `${name} ${ready}`).join(',');
    let subset = merged.get(key);
    if (subset === undefined)
      merged.set(key, (subset = { ports: [], listed: rows.map(([, row]) => row) }));
    if (port !== undefined) subset.ports.push(port);
  }
  return [...merged.values()]
    .map(({ ports, listed }) => {
      const addresses = listed.filter(({ ready }) => ready).map(({ address }) => address);
      const notReadyAddresses = listed.filter(({ ready }) => !ready).map(({ address }) => address);
      return {
        ...(addresses.length === 0 ? {} : { addresses }),
        ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
        ...(ports.length === 0 ? {} : { ports: ports.sort(byPort) }),
      };
    })
    .sort((a, b) => (JSON.stringify(a.ports ?? []) < JSON.stringify(b.ports ?? []) ? -1 : 1));
}

function byPort(a: EndpointPort, b: EndpointPort): number {
  const [nameA, nameB] = [a.name ?? '', b.name ?? ''];
  return nameA < nameB ? -1 : nameA > nameB ? 1 : a.port - b.port;
}

function addressOf(pod: Pod, service: Service): EndpointAddress | undefined {
  const wantsV6 = (service.spec?.ipFamilies?.[0] ?? 'IPv4') === 'IPv6';
  const ips = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? ''];
  const ip = ips.find((candidate) => candidate !== '' && candidate.includes(':') === wantsV6);
  if (ip === undefined) return undefined;
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  const { hostname = '', nodeName } = pod.spec ?? {};
  return {
    ip,
    ...(hasHostname(pod, service) ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** A headless Service may have no ports; its addresses count all the same. */
function portsOf(pod: Pod, service: Service): (EndpointPort | undefined)[] {
  const ports = service.spec?.ports ?? [];
  if (ports.length === 0) return service.spec?.clusterIP === 'None' ? [undefined] : [];
  return ports.flatMap((port) => {
    const number = targetPortOf(pod, port);
    if (number === undefined) return [];
    const { name, appProtocol, protocol = 'TCP' } = port;
    return [
      {
        ...(name === undefined ? {} : { name }),
        port: number,
        protocol,
        ...(appProtocol === undefined ? {} : { appProtocol }),
      },
    ];
  });
}

/** At most `ADDRESSES_MAX`, ready ones first, each subset cut in proportion. */
function truncate(subsets: readonly EndpointSubset[]): {
  subsets: EndpointSubset[];
  truncated: boolean;
} {
  const total = (pick: (subset: EndpointSubset) => unknown[] | undefined): number =>
    subsets.reduce((sum, subset) => sum + (pick(subset)?.length ?? 0), 0);
  const ready = total((subset) => subset.addresses);
  const notReady = total((subset) => subset.notReadyAddresses);
  if (ready + notReady <= ADDRESSES_MAX) return { subsets: [...subsets], truncated: false };
  const cutsReady = ready > ADDRESSES_MAX;
  const room = cutsReady ? ADDRESSES_MAX : ADDRESSES_MAX - ready;
  let left = room;
  const share = (list: readonly EndpointAddress[] | undefined, of: number): EndpointAddress[] => {
    const part = Math.min(left, Math.ceil(((list?.length ?? 0) / of) * room));
    const kept = (list ?? []).slice(0, part);
    left -= kept.length;
    return kept;
  };
  const cut = subsets.map((subset) =>
    cutsReady
      ? { ...subset, addresses: share(subset.addresses, ready), notReadyAddresses: [] }
      : { ...subset, notReadyAddresses: share(subset.notReadyAddresses, notReady) },
  );
  return { subsets: cut, truncated: true };
}
