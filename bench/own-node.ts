/**
 * A node of the product's making whose kubelet is another program: the same containerd, network and
 * images. That program runs in the place of the product's own node process, so that the product's
 * clean-up takes everything away.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeLayout } from '#cli/node-layout.ts';
import { bridgeName, NodeNetwork } from '#cli/node-network.ts';
import { installPrerequisites } from '#cli/prerequisites.ts';
import { Progress } from '#cli/progress.ts';
import { RealNodes } from '#cli/real-nodes.ts';
import { Supervisor } from '#cli/supervisor.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realProcesses } from '#edge/processes.ts';
import { cniConfigList } from '#kubelet/network/cni-config.ts';
import type { Cluster } from './cluster.ts';
import type { Scope, Undo } from './scope.ts';

export interface OwnNodeOptions {
  readonly scope: Scope;
  readonly cluster: Cluster;
  /** In the kubelet's place: an absolute path, and what it is given. */
  readonly program: { readonly command: string; readonly args: readonly string[] };
  /** Resolves when nothing needs the node any more; its network and directories are there still. */
  readonly beforeCleanUp?: () => Promise<void>;
  readonly afterCleanUp?: () => void;
}

/** What the controller manager gives the first node of the cluster's range. */
const POD_CIDR = '10.244.0.0/24';

/** Answers the way to end the node. Needs root and Linux. */
export async function startOwnNode(options: OwnNodeOptions): Promise<Undo> {
  const { scope, cluster, program } = options;
  const { data, config } = cluster;
  const environment = realEnvironment({ logLevel: 'error' });
  const supervisor = new Supervisor({ environment, directory: data });
  const progress = new Progress(() => {});
  await installPrerequisites({ processes: realProcesses(), progress });
  const node = new RealNodes({
    data,
    config,
    environment,
    supervisor,
    progress,
    sysfs: '/sys',
    self: inPlaceOfNode(program),
  });
  const stop = scope.defer(async () => {
    supervisor.beginShutdown();
    await node.stop();
    await options.beforeCleanUp?.();
    await node.cleanUp();
    options.afterCleanUp?.();
  });
  try {
    await node.prepare();
    await prepareNetwork(cluster);
    await node.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** The product starts its node process with words of its own behind ours; a shell drops them. */
function inPlaceOfNode({ command, args }: OwnNodeOptions['program']) {
  const words = args.map((_, i) => `"$${i + 1}"`).join(' ');
  return { command: '/bin/sh', args: ['-c', `exec "$0" ${words}`, command, ...args] };
}

/** The bridge's address and the CNI configuration, which our kubelet makes itself. */
async function prepareNetwork({ data, config }: Cluster): Promise<void> {
  const layout = nodeLayout(data);
  const network = new NodeNetwork({
    hash: data.hash,
    processes: realProcesses(),
    clusterPodCidr: config.podCidr,
    serviceCidr: config.serviceClusterIpRange,
    dnsAddress: config.dnsAddress,
    nodeAddresses: [config.nodeAddress],
  });
  await network.setPodCidr(POD_CIDR);
  const text = cniConfigList({
    podCidrs: [POD_CIDR],
    bridge: bridgeName(data.hash),
    stateDirectory: layout.cniDataDirectory,
    masquerade: false,
  });
  writeFileSync(join(layout.cniConfigDirectory, '10-coxswain.conflist'), text);
}
