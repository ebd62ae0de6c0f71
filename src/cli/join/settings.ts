/**
 * What a node has to know of the cluster that it joins, out of the ConfigMaps that kubeadm's users
 * know. Pure.
 *
 * Source: kubeadm.k8s.io/v1beta4 ClusterConfiguration; kubelet.config.k8s.io/v1beta1
 * KubeletConfiguration.
 */
import { fromYaml } from '#api/codec/yaml.ts';
import type { ConfigMap } from '#api/gen/core-v1.ts';
import { parseCidr, parseIp } from '#base/ip.ts';
import { familiesIn, rangesIn } from '../cluster-ranges.ts';
import {
  CLUSTER_CONFIGURATION_KEY,
  DNS_ANNOTATION,
  KUBELET_CONFIGURATION_KEY,
  LOAD_BALANCER_POOLS_ANNOTATION,
  POD_NETWORK_ANNOTATION,
} from '../join-names.ts';
import type { NodeConfig } from '../node-config.ts';
import { poolTexts } from '../load-balancer.ts';
import { messageOf, UserError } from '../user-error.ts';

export type ClusterSettings = Pick<
  NodeConfig,
  | 'podCidr'
  | 'serviceClusterIpRange'
  | 'dnsAddress'
  | 'dnsInPods'
  | 'clusterDomain'
  | 'podNetwork'
  | 'loadBalancerPools'
  | 'kubeletConfiguration'
>;

/** `cluster`: `kubeadm-config`; `kubelet`: `kubelet-config`. Throws UserError. */
export function clusterSettings(maps: {
  readonly cluster: ConfigMap;
  readonly kubelet: ConfigMap;
}): ClusterSettings {
  const cluster = fieldsOf(maps.cluster, CLUSTER_CONFIGURATION_KEY);
  const kubelet = fieldsOf(maps.kubelet, KUBELET_CONFIGURATION_KEY);
  const networking = (cluster['networking'] ?? {}) as Fields;
  const dns: unknown = kubelet['clusterDNS'];
  const text = (value: unknown, what: string, isGood: (text: string) => boolean): string => {
    if (typeof value === 'string' && isGood(value)) return value;
    throw new UserError(
      `Cannot join: ${what} of the cluster is ${JSON.stringify(value) ?? 'not there'}, which this node cannot work with.`,
    );
  };
  const podCidr = text(networking['podSubnet'], 'networking.podSubnet', areRanges);
  const families = familiesIn(podCidr);
  const areLikePods = (ranges: string): boolean =>
    areRanges(ranges) && familiesIn(ranges).join() === families.join();
  const isOfCluster = (ip: string): boolean =>
    families.some((family) => parseIp(ip)?.family === family);
  const address: unknown = Array.isArray(dns) ? dns[0] : undefined;
  return {
    podCidr,
    serviceClusterIpRange: text(
      networking['serviceSubnet'],
      'networking.serviceSubnet',
      areLikePods,
    ),
    dnsAddress: text(address, 'clusterDNS', isOfCluster),
    clusterDomain: text(kubelet['clusterDomain'], 'clusterDomain', (name) => name !== ''),
    dnsInPods: isDnsInPods(maps.cluster),
    podNetwork: podNetworkOf(maps.cluster),
    loadBalancerPools: poolsOf(maps.cluster),
    kubeletConfiguration: maps.kubelet.data?.[KUBELET_CONFIGURATION_KEY] ?? '',
  };
}

/** One of IPv4, or one of each family between commas. */
function areRanges(text: string): boolean {
  const families = rangesIn(text).map((range) => parseCidr(range)?.family);
  return ['4', '4,6', '6,4'].includes(families.join());
}

function poolsOf({ metadata }: ConfigMap): string[] {
  const pools = metadata?.annotations?.[LOAD_BALANCER_POOLS_ANNOTATION] ?? '';
  return poolTexts(pools.split(' ').filter((pool) => pool !== ''));
}

function isDnsInPods({ metadata }: ConfigMap): boolean {
  const place = metadata?.annotations?.[DNS_ANNOTATION] ?? 'node';
  if (place === 'node' || place === 'pods') return place === 'pods';
  throw new UserError(
    `Cannot join: names of the cluster are answered by ${JSON.stringify(place)}, which this version does not know.`,
  );
}

function podNetworkOf({ metadata }: ConfigMap): NodeConfig['podNetwork'] {
  const mode = metadata?.annotations?.[POD_NETWORK_ANNOTATION] ?? 'direct';
  if (mode === 'direct' || mode === 'vxlan') return mode;
  throw new UserError(
    `Cannot join: pods of the cluster are reached by ${JSON.stringify(mode)}, which this version does not know.`,
  );
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf({ metadata, data }: ConfigMap, key: string): Fields {
  const name = metadata?.name ?? '';
  let value: unknown;
  try {
    value = fromYaml(data?.[key] ?? '');
  } catch (error) {
    throw new UserError(`Cannot join: ConfigMap ${name} cannot be read: ${messageOf(error)}.`);
  }
  if (typeof value === 'object' && value !== null) return value as Fields;
  throw new UserError(`Cannot join: ConfigMap ${name} of kube-system has no ${key}.`);
}
