/**
 * The real nodes of this machine: the machine itself, and as many beside it as were asked for, each
 * in a network namespace of its own. What they need is made here, and taken away again.
 */
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { realProcesses } from '#edge/processes.ts';
import { removePoolAddresses } from '#load-balancer/announcer.ts';
import { parsePools } from '#load-balancer/pools.ts';
import { removeNetworkPolicyTables } from '#network-policy/enforcer.ts';
import { removeProxyTables } from '#proxy/table.ts';
import { clusterAuthorities, putInOrder } from './authority-files.ts';
import {
  CLUSTER_DEFAULTS,
  type ClusterConfig,
  ownAddresses,
  readClusterConfig,
  realNodeName,
} from './cluster-config.ts';
import { clusterPki } from './cluster-pki.ts';
import { type DataDirectory, otherNodeDirectories, otherNodeDirectory } from './data-directory.ts';
import { programImage } from './images/import.ts';
import { localHost } from './listen-address.ts';
import {
  killLeftovers,
  removeCgroups,
  removeShimFolders,
  unmountBelow,
} from './machine-clean-up.ts';
import {
  NodeNamespace,
  removeOuterEnds,
  setUpMachineNetwork,
  tearDownMachineNetwork,
} from './machine-network.ts';
import { addressesOf, type NodeConfig } from './node-config.ts';
import type { NodeDirectory } from './node-directory.ts';
import { nodeIdentityOf } from './node-identity.ts';
import { nodeLayout } from './node-layout.ts';
import { tearDownNetwork } from './node-network.ts';
import { type HostedControlPlane, RealNode } from './node-set-up.ts';
import { ownSysfs } from './own-sysfs.ts';
import type { ClusterPki } from './pki.ts';
import type { Progress } from './progress.ts';
import { certificatesDigest } from './self-hosted/certificates.ts';
import { writeComponentKubeconfigs } from './self-hosted/files.ts';
import { withDefaultAudit } from './default-audit.ts';
import { controlPlaneManifests } from './self-hosted/manifests.ts';
import { Supervisor } from './supervisor.ts';
import { codeOf } from './user-error.ts';

export interface RealNodesOptions {
  readonly data: DataDirectory;
  readonly config: ClusterConfig;
  readonly environment: Environment;
  readonly progress: Progress;
  /** How this program is started again as the process of a node. */
  readonly self: { readonly command: string; readonly args: readonly string[] };
  /** Of the first node's processes, beside those of the control plane. */
  readonly supervisor: Supervisor;
  /** Where the kernel shows the interfaces of the machine: `/sys`, or its like. */
  readonly sysfs: string;
  /** Told with which certificates a control plane in pods begins, whenever it may have begun anew. */
  readonly duties?: { takeOver(pki: ClusterPki): void };
}

/** A shell's exit code for a command that is not there. */
const EXIT_NOT_FOUND = 127;

export class RealNodes {
  readonly #options: RealNodesOptions;
  readonly #processes = realProcesses();
  readonly #first: RealNode;
  readonly #others: readonly RealNode[];
  readonly #supervisors: readonly Supervisor[];

  constructor(options: RealNodesOptions) {
    const { data, config, supervisor } = options;
    this.#options = options;
    this.#first = this.#node({
      name: realNodeName(config, 1),
      directory: data,
      supervisor,
      ...hostedOn(options),
    });
    const others = Array.from({ length: config.realNodes - 1 }, (_, index) =>
      this.#other(index + 2),
    );
    this.#others = others.map(({ node }) => node);
    this.#supervisors = others.map((each) => each.supervisor);
  }

  #other(nth: number): { readonly node: RealNode; readonly supervisor: Supervisor } {
    const { data, config, environment, sysfs } = this.#options;
    const name = realNodeName(config, nth);
    const directory = otherNodeDirectory(data, name);
    const supervisor = new Supervisor({ environment, directory });
    const namespace = new NodeNamespace({
      directory,
      clusterHash: data.hash,
      nodeCidr: config.nodeCidr,
      nth,
      machineAddresses: ownAddresses(config),
      machineSysfs: sysfs,
      processes: this.#processes,
    });
    return { node: this.#node({ name, directory, supervisor, namespace }), supervisor };
  }

  #node(parts: {
    readonly name: string;
    readonly directory: NodeDirectory;
    readonly supervisor: Supervisor;
    readonly namespace?: NodeNamespace;
    readonly controlPlane?: HostedControlPlane;
  }): RealNode {
    const { data, config, environment, progress, self, sysfs } = this.#options;
    const { name, namespace } = parts;
    const nodeConfig = nodeConfigOf(config, { name, sysfs }, namespace);
    return new RealNode({
      ...parts,
      config: nodeConfig,
      // Read anew each time: certificates are rotated while this process runs.
      identity: () =>
        nodeIdentityOf(clusterPki(data, config, environment.clock.now()), {
          name,
          addresses: addressesOf(nodeConfig),
        }),
      images: data.images,
      registries: data.registries,
      environment,
      progress,
      self,
    });
  }

  /** Directories, configurations, the networks. Safe to do again. */
  async prepare(): Promise<void> {
    const { data, config, sysfs } = this.#options;
    await this.#first.prepare();
    if (this.#others.length === 0) return;
    await setUpMachineNetwork({
      hash: data.hash,
      nodeCidr: config.nodeCidr,
      machineAddresses: ownAddresses(config),
      processes: this.#processes,
      sysfs,
    });
    for (const node of this.#others) await node.prepare();
  }

  /** containerd, the images that every pod needs, and the process of each node. */
  async start(): Promise<void> {
    await this.#first.start();
    await Promise.all(this.#others.map((node) => node.start()));
  }

  /** Builds what is missing of an example's images and gives them to all nodes. */
  async importImages(example: string): Promise<void> {
    await this.#first.importImages(example);
    await Promise.all(this.#others.map((node) => node.importImages(example)));
  }

  /** Ends the processes of the nodes, every container, and containerd. */
  async stop(): Promise<void> {
    for (const supervisor of this.#supervisors) supervisor.beginShutdown();
    await Promise.all([this.#first, ...this.#others].map((node) => node.stop()));
  }

  /** Leaves nothing of ours on the machine but the data directory. */
  cleanUp(): Promise<void> {
    return cleanUpMachine(this.#options.data);
  }
}

/** The control plane where it runs in pods. */
function hostedOn({ data, config, environment, duties }: RealNodesOptions): {
  readonly controlPlane?: HostedControlPlane;
} {
  if (config.selfHosted !== true) return {};
  const nowMs = (): number => environment.clock.now();
  const facts = {
    config: withDefaultAudit(data, config),
    image: programImage(),
    pki: data.pki,
    store: data.store,
  };
  const controlPlane: HostedControlPlane = {
    manifests() {
      const { authority, frontProxy } = clusterAuthorities(data.pki);
      for (const place of [authority, frontProxy]) putInOrder(place, nowMs());
      writeComponentKubeconfigs(data.pki, config, clusterPki(data, config, nowMs()));
      return controlPlaneManifests({ ...facts, certificates: certificatesDigest(data.pki) });
    },
    onWritten: () => duties?.takeOver(clusterPki(data, config, nowMs())),
  };
  return { controlPlane };
}

function nodeConfigOf(
  config: ClusterConfig,
  { name, sysfs }: Pick<NodeConfig, 'name' | 'sysfs'>,
  namespace: NodeNamespace | undefined,
): NodeConfig {
  const { podCidr, serviceClusterIpRange, dnsAddress, clusterDomain, podNetwork } = config;
  const { featureGates, loadBalancerPools = [] } = config;
  const network = { podCidr, serviceClusterIpRange, dnsAddress, podNetwork, loadBalancerPools };
  const dnsInPods = config.dns === 'pods';
  const gates = featureGates === undefined ? {} : { featureGates };
  const shared = { name, clusterDomain, dnsInPods, ...gates, ...network };
  if (namespace === undefined) {
    return {
      ...shared,
      hostname: hostname(),
      ...nodeAddresses(ownAddresses(config)),
      kubeletPort: config.kubeletPort,
      apiServer: { host: localHost(config.listenHost), port: config.listenPort },
      sysfs,
    };
  }
  return {
    ...shared,
    hostname: name,
    ...nodeAddresses(namespace.addresses),
    kubeletPort: CLUSTER_DEFAULTS.kubeletPort,
    apiServer: { host: config.nodeAddress, port: config.listenPort },
    sysfs: namespace.sysfs,
  };
}

function nodeAddresses([address = '', secondAddress]: readonly string[]): Pick<
  NodeConfig,
  'address' | 'secondAddress'
> {
  return secondAddress === undefined ? { address } : { address, secondAddress };
}

/** Takes away whatever the real nodes of this cluster left: also after a crash, when nobody knows. */
export async function cleanUpMachine(data: DataDirectory): Promise<void> {
  const processes = forgiving(realProcesses());
  // Where none can be mounted, nothing of ours was behind one.
  const sysfs = await ownSysfs(data, processes).catch(() => '/sys');
  for (const directory of otherNodeDirectories(data)) {
    await cleanUpNode(directory, processes);
    await removeOuterEnds(directory.hash, processes, sysfs);
  }
  const layout = nodeLayout(data);
  await killLeftovers({ socket: layout.containerdSocket, cgroup: layout.cgroup });
  await removeProxyTables(processes, layout.nftTable);
  await removeNetworkPolicyTables(processes, layout.networkPolicyTable);
  await tearDownMachineNetwork(data.hash, processes);
  const { podCidr, loadBalancerPools = [] } = readClusterConfig(data) ?? CLUSTER_DEFAULTS;
  await removePoolAddresses(processes, parsePools(loadBalancerPools));
  // Before the mount goes by which the interfaces are seen.
  await tearDownNetwork({ hash: data.hash, clusterPodCidr: podCidr, processes, sysfs });
  await cleanUpNode(data, processes);
  removeShimFolders();
  await processes.run('rmdir', ['--ignore-fail-on-non-empty', dirname(data.runtimePath)]);
}

/** The same for a node that joined, and has no cluster here. In the node's network namespace. */
export async function cleanUpJoinedNode(
  directory: NodeDirectory,
  node: Pick<NodeConfig, 'podCidr' | 'sysfs' | 'loadBalancerPools'>,
): Promise<void> {
  const processes = forgiving(realProcesses());
  const { hash, runtimePath } = directory;
  const { containerdSocket, cgroup, nftTable, networkPolicyTable } = nodeLayout(directory);
  await killLeftovers({ socket: containerdSocket, cgroup });
  await removeProxyTables(processes, nftTable);
  await removeNetworkPolicyTables(processes, networkPolicyTable);
  await removePoolAddresses(processes, parsePools(node.loadBalancerPools ?? []));
  // Before the mount goes by which the interfaces are seen.
  await tearDownNetwork({ hash, clusterPodCidr: node.podCidr, processes, sysfs: node.sysfs });
  await cleanUpNode(directory, processes);
  removeShimFolders();
  await processes.run('rmdir', ['--ignore-fail-on-non-empty', dirname(runtimePath)]);
}

/** Processes, mounts, cgroups, sockets; with its last process a network namespace goes too. */
async function cleanUpNode(directory: NodeDirectory, processes: Processes): Promise<void> {
  const { runtimePath, containerd, kubelet } = directory;
  const layout = nodeLayout(directory);
  await killLeftovers({ socket: layout.containerdSocket, cgroup: layout.cgroup });
  await unmountBelow(processes, [runtimePath, containerd, kubelet]);
  removeCgroups(layout.cgroup);
  rmSync(runtimePath, { recursive: true, force: true });
}

/** Where a tool is missing, there can be nothing that it would take away. */
function forgiving(processes: Processes): Processes {
  const none = new Uint8Array();
  return {
    async run(...call) {
      try {
        return await processes.run(...call);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
        return { exitCode: EXIT_NOT_FOUND, stdout: none, stderr: none };
      }
    },
  };
}
