/**
 * What a start chooses of a cluster: names, addresses, ports. What objects in the store depend on
 * stays as it was chosen the first time; ports give way where another program has them.
 */
import type { HistoryPolicy } from '#apiserver/history/policy.ts';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { parsePools, type Pool } from '#load-balancer/pools.ts';
import type { PodNetworkMode } from '#pod-network/routes.ts';
import {
  CLUSTER_DEFAULTS,
  type ClusterConfig,
  type DnsPlace,
  OWN_NODE_ADDRESSES,
  readClusterConfig,
  writeClusterConfig,
} from './cluster-config.ts';
import {
  chooseRanges,
  type ClusterRanges,
  familiesIn,
  NODES,
  type RangeFlags,
  serviceAddresses,
} from './cluster-ranges.ts';
import type { DataDirectory } from './data-directory.ts';
import {
  chooseListen,
  everywhere,
  isPortFree,
  LISTEN_DEFAULT,
  type ListenAddress,
} from './listen-address.ts';
import { hostAddress } from './own-addresses.ts';
import type { Progress } from './progress.ts';
import { answersAsOwn } from './self-hosted/answers.ts';
import { runningPid } from './supervisor.ts';
import { UserError } from './user-error.ts';
import type { VersionFlags } from './version-flags.ts';

export interface ConfigChoice {
  readonly asked: ListenAddress | undefined;
  readonly data: DataDirectory;
  /** 0: real nodes. */
  readonly simulatedNodes: number;
  /** Undefined: as many as before. */
  readonly realNodes?: number;
  readonly podNetwork?: PodNetworkMode;
  /** What is not given stays as it was. */
  readonly ranges: RangeFlags;
  readonly selfHosted: boolean;
  readonly dns?: DnsPlace;
  /** Undefined: those of before. */
  readonly loadBalancerPools?: readonly string[];
  readonly history: Partial<HistoryPolicy>;
  readonly versions: VersionFlags;
  /** What is not given stays as it was. */
  /** Undefined: those of before. */
  readonly apiServerArguments?: readonly string[];
  readonly progress: Progress;
}

/** Chooses, and keeps the choice in the data directory. */
export async function chooseConfig(choice: ConfigChoice): Promise<ClusterConfig> {
  const { data, simulatedNodes } = choice;
  const known = readClusterConfig(data);
  const realNodes = choice.realNodes ?? known?.realNodes ?? CLUSTER_DEFAULTS.realNodes;
  const ranges = chooseRanges(choice.ranges, known, simulatedNodes > 0 ? 1 : realNodes);
  // A control plane that runs keeps its address: it is taken over as it is, or where it is to run.
  if (known !== undefined && (await isRunning(data, known))) return hosted(choice, known);
  const pools = [known?.loadBalancerPools, choice.loadBalancerPools].flatMap((texts) =>
    parsePools(texts ?? []),
  );
  const { nodeAddress, ...second } = nodeAddresses(ranges, { simulatedNodes, pools });
  // Pods of a real node reach the API server at the node's address; one in a pod listens at one
  // address, and so at all.
  const others =
    simulatedNodes > 0
      ? []
      : [
          choice.selfHosted
            ? everywhere([nodeAddress, second.secondNodeAddress ?? ''])
            : nodeAddress,
        ];
  const listen = await chooseAgain(choice, known, others);
  const config: ClusterConfig = {
    ...CLUSTER_DEFAULTS,
    history: { ...known?.history, ...choice.history },
    ...(known?.featureGates === undefined ? {} : { featureGates: known.featureGates }),
    ...(known?.runtimeConfig === undefined ? {} : { runtimeConfig: known.runtimeConfig }),
    ...choice.versions,
    apiServerArguments: choice.apiServerArguments ?? known?.apiServerArguments ?? [],
    ...ranges,
    ...serviceAddresses(ranges),
    ...second,
    nodeCidr: familiesIn(ranges.serviceClusterIpRange)
      .map((family) => NODES[family])
      .join(','),
    nodeName: known?.nodeName ?? nodeNameOf(hostname()),
    nodeAddress,
    simulatedNodes,
    realNodes,
    selfHosted: choice.selfHosted,
    dns: choice.dns ?? known?.dns ?? 'node',
    podNetwork: choice.podNetwork ?? known?.podNetwork ?? CLUSTER_DEFAULTS.podNetwork,
    loadBalancerPools: choice.loadBalancerPools ?? known?.loadBalancerPools ?? [],
    listenHost: listen.host,
    listenPort: listen.port,
    kubeletPort:
      simulatedNodes > 0
        ? CLUSTER_DEFAULTS.kubeletPort
        : await kubeletPort(choice, nodeAddress, known),
  };
  writeClusterConfig(data, config);
  return config;
}

const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;

/** One of each family that the cluster has. Throws UserError where the machine cannot have one. */
function nodeAddresses(
  { serviceClusterIpRange }: ClusterRanges,
  { simulatedNodes, pools }: { readonly simulatedNodes: number; readonly pools: readonly Pool[] },
): Pick<ClusterConfig, 'nodeAddress' | 'secondNodeAddress'> {
  const families = familiesIn(serviceClusterIpRange);
  if (simulatedNodes === 0 && families.includes(6) && !existsSync(IPV6_INTERFACES))
    throw new UserError(
      'Cannot use ranges of IPv6 for real nodes: the kernel of this machine has no IPv6. Leave it out, or use --simulated-nodes.',
    );
  const otherwise = simulatedNodes > 0 ? LOOPBACK : OWN_NODE_ADDRESSES;
  const [nodeAddress = '', secondNodeAddress] = families.map(
    (family) => hostAddress(family, pools) ?? otherwise[family],
  );
  return secondNodeAddress === undefined ? { nodeAddress } : { nodeAddress, secondNodeAddress };
}

/** Where the kernel shows addresses of IPv6, if it knows of it. */
const IPV6_INTERFACES = '/proc/net/if_inet6';

/** As a process of ours, or in a pod, which needs none of them. */
async function isRunning(data: DataDirectory, known: ClusterConfig): Promise<boolean> {
  if (runningPid(data.run, 'control-plane') !== undefined) return true;
  return known.selfHosted === true && (await answersAsOwn(data, known));
}

/** The same cluster, its control plane where this start wants it. */
function hosted({ data, selfHosted }: ConfigChoice, known: ClusterConfig): ClusterConfig {
  if ((known.selfHosted ?? false) === selfHosted) return known;
  const config = { ...known, selfHosted };
  writeClusterConfig(data, config);
  return config;
}

/** The address of before where it is as good as what is asked for: objects name it already. */
async function chooseAgain(
  { asked, progress }: ConfigChoice,
  known: ClusterConfig | undefined,
  others: readonly string[],
): Promise<ListenAddress> {
  const before =
    known === undefined ? undefined : { host: known.listenHost, port: known.listenPort };
  const isAnyPort = asked === undefined || (asked.port === 0 && asked.host === before?.host);
  if (isAnyPort && before !== undefined && (await isFree(before, others))) return before;
  const listen = await chooseListen(asked, others);
  const moved = listen.moved ? LISTEN_DEFAULT.port : undefined;
  const taken = isAnyPort && before !== undefined ? before.port : moved;
  if (taken !== undefined)
    progress.say(
      `Port ${taken} is taken by another program: listening on ${listen.host}:${listen.port} instead.`,
    );
  return listen;
}

async function isFree(address: ListenAddress, others: readonly string[]): Promise<boolean> {
  try {
    return (await chooseListen(address, others)).port === address.port;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/** Upstream's port, unless another kubelet (or anything else) has it: clients read it from the Node. */
async function kubeletPort(
  { data, progress }: ConfigChoice,
  nodeAddress: string,
  known: ClusterConfig | undefined,
): Promise<number> {
  if (known !== undefined && runningPid(data.run, 'node') !== undefined) return known.kubeletPort;
  const wanted = CLUSTER_DEFAULTS.kubeletPort;
  if (await isPortFree(nodeAddress, wanted)) return wanted;
  const { port } = await chooseListen({ host: nodeAddress, port: 0 });
  progress.say(
    `Port ${wanted} is taken by another program: the kubelet listens on ${port} instead.`,
  );
  return port;
}

/** A name that a Node may have (RFC 1123), as near to the machine's as can be. */
export function nodeNameOf(machine: string): string {
  const labels = machine
    .toLowerCase()
    .split('.')
    .map((label) => label.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, ''))
    .filter((label) => label !== '');
  return labels.length === 0 ? 'node' : labels.join('.');
}
