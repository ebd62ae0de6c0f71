/**
 * What one Service needs in the kernel: the elements that it adds to the ruleset's maps. Pure.
 *
 *   services            address . protocol . port          : where to go on
 *   endpoints           address . protocol . port . index  : endpoint address . port
 *   node_ports, node_endpoints          the same without the address, for addresses of the node
 *   outside_…                           the same for traffic from outside, when the Service
 *                                       wants it to stay on this node (externalTrafficPolicy: Local)
 *   blocked_…                           no endpoint at all: refuse at once
 *   hairpins                            an endpoint that reached itself must see another source
 *   guarded_services                    only some sources may go there (`sources.ts`)
 *
 * A value of `services` names a chain by what it does (`nftables.ts` writes it): how many endpoints
 * there are to draw from, whose source address is hidden, and for how long a client sticks.
 *
 * Upstream: pkg/proxy/nftables/proxier.go, pkg/proxy/serviceport.go, v1.36.
 */
import type { Pod, Service, ServicePort } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { Element } from '#base/nftables/elements.ts';
import { type Endpoints, endpointsOf, type Target } from './endpoints.ts';
import { addressesOf, familyOf, type IpFamily } from './ip-family.ts';
import { isProxied } from './proxied.ts';
import { guardElements } from './sources.ts';
import { pickChain, type Pick, rememberChain } from './chains.ts';

/** What the plan must know of the node it is for. */
export interface ProxyNode {
  /** Whose table the elements are for. */
  readonly family: IpFamily;
  readonly name: string;
  /** Its label `topology.kubernetes.io/zone`; empty: it has none. */
  readonly zone: string;
  /** Service addresses that the node answers itself (its DNS): never translated. */
  readonly ownAddresses: readonly string[];
}

const DEFAULT_AFFINITY_SECONDS = 10_800;

/**
 * Which policies of `service` keep traffic on this node that has endpoints elsewhere alone: such
 * traffic is dropped.
 */
export function noLocalEndpoints(
  service: Service,
  slices: readonly EndpointSlice[],
  node: ProxyNode,
): ('internal' | 'external')[] {
  if (!isProxied(service)) return [];
  const { ports = [], internalTrafficPolicy, externalTrafficPolicy } = service.spec ?? {};
  const isEmptyHere = ports.some((port) => {
    const { cluster, local } = endpointsOfPort(port, slices, node);
    return cluster.length > 0 && local.length === 0;
  });
  if (!isEmptyHere) return [];
  return [
    ...(internalTrafficPolicy === 'Local' ? (['internal'] as const) : []),
    ...(externalTrafficPolicy === 'Local' ? (['external'] as const) : []),
  ];
}

function endpointsOfPort(
  { name = '', protocol = 'TCP' }: ServicePort,
  slices: readonly EndpointSlice[],
  { family, name: node, zone }: ProxyNode,
): Endpoints {
  return endpointsOf(slices, { name, protocol }, { family, node, zone });
}

/** The elements of `service`; none when it is nothing of ours. `slices` are its EndpointSlices. */
export function planService(
  service: Service,
  slices: readonly EndpointSlice[],
  node: ProxyNode,
): Element[] {
  if (!isProxied(service)) return [];
  return (service.spec?.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? 'TCP';
    const endpoints = endpointsOfPort(port, slices, node);
    return planPort({ service, port, protocol: protocol.toLowerCase(), endpoints, node });
  });
}

interface PortPlan {
  readonly service: Service;
  readonly port: ServicePort;
  readonly protocol: string;
  readonly endpoints: Endpoints;
  readonly node: ProxyNode;
}

function planPort(plan: PortPlan): Element[] {
  const elements = [...planClusterAddress(plan)];
  const { family } = plan.node;
  const ingress = addressesOf(ingressAddresses(plan.service), family);
  const external = addressesOf(plan.service.spec?.externalIPs ?? [], family);
  for (const address of new Set([...external, ...ingress]))
    elements.push(...planExternalAddress(plan, address));
  for (const address of ingress) {
    const key = `${address} . ${plan.protocol} . ${plan.port.port}`;
    const ranges = plan.service.spec?.loadBalancerSourceRanges ?? [];
    elements.push(...guardElements(key, ranges, family));
  }
  const nodePort = plan.port.nodePort ?? 0;
  if (nodePort !== 0 && hasFamily(plan)) elements.push(...planNodePort(plan, nodePort));
  for (const { address } of plan.endpoints.local) {
    elements.push({ map: 'hairpins', key: `${address} . ${address}`, value: '' });
  }
  return elements;
}

/** The Service's addresses within the cluster, of the family of the plan: one or none. */
function clusterAddresses({ service: { spec }, node }: PortPlan): string[] {
  const { clusterIP = '', clusterIPs = [clusterIP] } = spec ?? {};
  return addressesOf(clusterIPs, node.family);
}

/** Node ports are of the families that the Service has an address of. */
function hasFamily(plan: PortPlan): boolean {
  return clusterAddresses(plan).length > 0;
}

function planClusterAddress(plan: PortPlan): Element[] {
  const spec = plan.service.spec;
  const [address] = clusterAddresses(plan);
  if (address === undefined || plan.node.ownAddresses.includes(address)) return [];
  const staysHere = spec?.internalTrafficPolicy === 'Local';
  return planEntry(plan, {
    family: 'services',
    key: `${address} . ${plan.protocol} . ${plan.port.port}`,
    targets: staysHere ? plan.endpoints.local : plan.endpoints.cluster,
    hide: 'outsiders',
  });
}

function planExternalAddress(plan: PortPlan, address: string): Element[] {
  const key = `${address} . ${plan.protocol} . ${plan.port.port}`;
  const staysHere = plan.service.spec?.externalTrafficPolicy === 'Local';
  const cluster = { key, targets: plan.endpoints.cluster } as const;
  if (!staysHere) return planEntry(plan, { ...cluster, family: 'services', hide: 'all' });
  return [
    // Pods and the node itself see the Service as if it were asked by its cluster address.
    ...planEntry(plan, { ...cluster, family: 'services', hide: 'outsiders' }),
    ...planEntry(plan, {
      key,
      targets: plan.endpoints.local,
      family: 'outside_services',
      hide: 'nobody',
    }),
  ];
}

function planNodePort(plan: PortPlan, nodePort: number): Element[] {
  const key = `${plan.protocol} . ${nodePort}`;
  const staysHere = plan.service.spec?.externalTrafficPolicy === 'Local';
  const cluster = { key, targets: plan.endpoints.cluster } as const;
  if (!staysHere) return planEntry(plan, { ...cluster, family: 'node_ports', hide: 'all' });
  return [
    ...planEntry(plan, { ...cluster, family: 'node_ports', hide: 'outsiders' }),
    ...planEntry(plan, {
      key,
      targets: plan.endpoints.local,
      family: 'outside_node_ports',
      hide: 'nobody',
    }),
  ];
}

interface Entry {
  readonly family: Pick['family'];
  /** Without the index. */
  readonly key: string;
  readonly targets: readonly Target[];
  readonly hide: Pick['hide'];
}

const ENDPOINT_MAPS: Readonly<Record<Pick['family'], string>> = {
  services: 'endpoints',
  node_ports: 'node_endpoints',
  outside_services: 'outside_endpoints',
  outside_node_ports: 'outside_node_endpoints',
};

function planEntry(plan: PortPlan, entry: Entry): Element[] {
  const { family, key, targets, hide } = entry;
  if (targets.length === 0) return planNoTargets(plan, entry);
  // nft 1.0.6 cannot write the rule that remembers a client by addresses of IPv6.
  const affinitySeconds = plan.node.family === 'ip' ? affinityOf(plan.service) : 0;
  const chain = pickChain({ family, hide, count: targets.length, sticky: affinitySeconds > 0 });
  const elements: Element[] = [{ map: family, key, value: `goto ${chain}` }];
  for (const [index, target] of targets.entries()) {
    elements.push({
      map: ENDPOINT_MAPS[family],
      key: `${key} . ${index}`,
      value: `${target.address} . ${target.port}`,
    });
  }
  if (affinitySeconds > 0) {
    const map = family.endsWith('services') ? 'sticky_services' : 'sticky_node_ports';
    elements.push({ map, key, value: `goto ${rememberChain(affinitySeconds)}` });
  }
  return elements;
}

/**
 * Refused when nobody serves; dropped when others do but the policy keeps the traffic here: a load
 * balancer must then see a timeout and turn to another node.
 */
function planNoTargets(plan: PortPlan, { family, key }: Entry): Element[] {
  if (plan.endpoints.any) return [{ map: family, key, value: 'drop' }];
  if (family.startsWith('outside_')) return [];
  const map = family === 'services' ? 'blocked_services' : 'blocked_node_ports';
  return [{ map, key, value: 'goto refuse' }];
}

/** Seconds that a client sticks to an endpoint; 0: it does not. */
function affinityOf(service: Service): number {
  if (service.spec?.sessionAffinity !== 'ClientIP') return 0;
  return service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
}

/** Where the load balancer's packets arrive as they were sent; one that is a proxy itself sends its own. */
function ingressAddresses({ status }: Service): string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '', ipMode }) =>
    ip === '' || ipMode === 'Proxy' ? [] : [ip],
  );
}

/** What stands for all addresses of the node. */
const ANY_ADDRESS: Readonly<Record<IpFamily, string>> = { ip: '0.0.0.0', ip6: '::' };

/**
 * The host ports of a pod on this node. The node does this itself: the CNI plug-in `portmap` needs
 * iptables, and would leave chains behind.
 */
export function planHostPorts(pod: Pod, family: IpFamily): Element[] {
  const { podIP: ip = '', podIPs = [{ ip }], phase } = pod.status ?? {};
  const [address] = addressesOf(
    podIPs.map((each) => each.ip),
    family,
  );
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  if (address === undefined || isOver || pod.spec?.hostNetwork === true) return [];
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const ports = containers
    .flatMap((container) => container.ports ?? [])
    .filter((port) => (port.hostPort ?? 0) !== 0);
  if (ports.length === 0) return [];
  const elements = ports.flatMap(
    ({ hostPort, hostIP = '', protocol = 'TCP', containerPort }): Element[] => {
      if (hostIP !== '' && familyOf(hostIP) !== family) return [];
      const key = `${protocol.toLowerCase()} . ${hostPort}`;
      const value = `${address} . ${containerPort}`;
      return hostIP === '' || hostIP === ANY_ADDRESS[family]
        ? [{ map: 'host_ports', key, value }]
        : [
            {
              map: 'host_address_ports',
              key: `${addressesOf([hostIP], family).join()} . ${key}`,
              value,
            },
          ];
    },
  );
  return [...elements, { map: 'hairpins', key: `${address} . ${address}`, value: '' }];
}
