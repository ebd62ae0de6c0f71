/**
 * What is chosen once for a cluster and kept in its data directory: addresses and names. A later
 * start uses the same, because objects in the store depend on them.
 */
import { join } from 'node:path';
import type { HistoryPolicy } from '#apiserver/history/policy.ts';
import type { PodNetworkMode } from '#pod-network/routes.ts';
import type { DataDirectory } from './data-directory.ts';
import { addressAt, NODES, RANGE_DEFAULTS, serviceAddresses } from './cluster-ranges.ts';
import { readJsonIfThere, writeFileDurably } from './files.ts';

/** On each node, or by pods of kube-system. */
export type DnsPlace = 'node' | 'pods';

export interface ClusterConfig {
  readonly listenHost: string;
  readonly listenPort: number;
  /** Of Services: a CIDR, or one of each family between commas, the main one first. */
  readonly serviceClusterIpRange: string;
  /** The `kubernetes` Service: the first address of the main range. */
  readonly kubernetesAddress: string;
  /** The `kube-dns` Service: the tenth address of the main range. */
  readonly dnsAddress: string;
  readonly nodePortRange: { readonly from: number; readonly to: number };
  /** Of pods, likewise. */
  readonly podCidr: string;
  readonly clusterDomain: string;
  readonly nodeName: string;
  /** Where the node, and on a real one the API server too, is reached from pods. */
  readonly nodeAddress: string;
  /** The node's address of the other family, where the cluster has both. */
  readonly secondNodeAddress?: string;
  /** The kubelet of a real node listens here. */
  readonly kubeletPort: number;
  /** 0: real nodes. */
  readonly simulatedNodes: number;
  /** How many real nodes this machine has; the first is the machine itself. */
  readonly realNodes: number;
  /** Addresses of the others, and of the machine towards them; families as of pods. */
  readonly nodeCidr: string;
  /** How packets get to the pods of other nodes. */
  readonly podNetwork: PodNetworkMode;
  /** Where names are answered; on each node unless it says otherwise. */
  readonly dns?: DnsPlace;
  /** The control plane runs as static pods of the first node. */
  readonly selfHosted?: boolean;
  /** Pools of addresses for Services of type LoadBalancer, as `--load-balancer-pool` has them. */
  readonly loadBalancerPools?: readonly string[];
  /** What was asked for of the history; the rest is the API server's default. */
  readonly history: Partial<HistoryPolicy>;
  /** `--feature-gates` and `--runtime-config` as they were last given. */
  readonly featureGates?: string;
  readonly runtimeConfig?: string;
  /** `--apiserver-arg`, each `NAME=VALUE`, files by their whole paths. */
  readonly apiServerArguments?: readonly string[];
}

export const CLUSTER_DEFAULTS: Omit<
  ClusterConfig,
  'listenHost' | 'listenPort' | 'nodeName' | 'nodeAddress' | 'simulatedNodes'
> = {
  ...RANGE_DEFAULTS,
  ...serviceAddresses(RANGE_DEFAULTS),
  nodePortRange: { from: 30000, to: 32767 },
  clusterDomain: 'cluster.local',
  // Upstream's.
  kubeletPort: 10_250,
  realNodes: 1,
  nodeCidr: NODES[4],
  podNetwork: 'direct',
  history: {},
};

/**
 * The addresses of a real node whose machine has none of that family but loopback, which pods cannot
 * reach: of IPv4 the last but one of the pods' default range, and so of the range that would be given
 * to the 256th node; of IPv6 the one that the machine has towards its other nodes.
 */
export const OWN_NODE_ADDRESSES = { 4: '10.244.255.254', 6: addressAt(NODES[6], 1) } as const;

/** Of the first node: one, or one of each family, the main one first. */
export function ownAddresses({
  nodeAddress,
  secondNodeAddress,
}: Pick<ClusterConfig, 'nodeAddress' | 'secondNodeAddress'>): string[] {
  return secondNodeAddress === undefined ? [nodeAddress] : [nodeAddress, secondNodeAddress];
}

/** The name of the `nth` real node of this machine; the first has the cluster's. */
export function realNodeName(config: Pick<ClusterConfig, 'nodeName'>, nth: number): string {
  return nth === 1 ? config.nodeName : `${config.nodeName}-${nth}`;
}

function pathOf(data: DataDirectory): string {
  return join(data.path, 'cluster.json');
}

export function readClusterConfig(data: DataDirectory): ClusterConfig | undefined {
  const value = readJsonIfThere(pathOf(data));
  // Written by `writeClusterConfig` alone; the layout version of the directory guards its shape.
  return typeof value === 'object' && value !== null
    ? { ...CLUSTER_DEFAULTS, ...(value as ClusterConfig) }
    : undefined;
}

export function writeClusterConfig(data: DataDirectory, config: ClusterConfig): void {
  writeFileDurably(pathOf(data), `${JSON.stringify(config, null, 2)}\n`, 0o600);
}
