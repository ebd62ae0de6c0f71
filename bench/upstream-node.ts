/**
 * Upstream's kubelet on a node of the product's making: the same containerd, network and images, so
 * that what differs is the kubelet (and the control plane it talks to). It runs in the place of the
 * product's own node process, so that the product's clean-up takes everything away.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeLayout } from '#cli/node-layout.ts';
import { bridgeName, NodeNetwork } from '#cli/node-network.ts';
import { RealNodes } from '#cli/real-nodes.ts';
import { nodeCertificates } from '#cli/pki.ts';
import { Progress } from '#cli/progress.ts';
import { Supervisor } from '#cli/supervisor.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realProcesses } from '#edge/processes.ts';
import { cniConfigList } from '#kubelet/network/cni-config.ts';
import { type Cluster, readCluster, untilNodes, writeUserFile } from './cluster.ts';
import { kubeletFlags, writeKubeletConfiguration } from './kubelet-configuration.ts';
import { rememberMachine } from './kubelet-traces.ts';
import { logTail } from './processes.ts';
import type { Undo } from './scope.ts';
import type { Running, Started, StartOptions } from './subject.ts';

export interface NodeOptions extends StartOptions {
  /** The binary. */
  readonly kubelet: string;
  /** Starts the control plane. */
  readonly start: (options: StartOptions) => Promise<Started>;
}

/** What the controller manager gives the first node of the cluster's range. */
const POD_CIDR = '10.244.0.0/24';

export async function startUpstreamNode(options: NodeOptions): Promise<Running> {
  const control = await options.start(options);
  let stop: Undo = () => control.stop();
  try {
    const cluster = readCluster(options.directory);
    stop = await startNode(options, cluster, control);
    await untilNodes(control.client, 1, control.failed).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${logTail(join(cluster.data.logs, 'node.log'))}`);
    });
    return { ...control, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Answers the way to end the node, and the control plane with it. */
async function startNode(
  { scope, kubelet }: NodeOptions,
  cluster: Cluster,
  control: Started,
): Promise<Undo> {
  const { data, config, pki } = cluster;
  const environment = realEnvironment({ logLevel: 'error' });
  const supervisor = new Supervisor({ environment, directory: data });
  const node = new RealNodes({
    data,
    config,
    pki,
    environment,
    supervisor,
    progress: new Progress(() => {}),
    self: inPlaceOfNode(kubelet, prepareKubelet(cluster)),
  });
  await node.install();
  const restoreMachine = rememberMachine(nodeLayout(data).podLogs);
  const stop = scope.defer(async () => {
    supervisor.beginShutdown();
    await node.stop();
    await control.stop();
    await node.cleanUp();
    restoreMachine();
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
function inPlaceOfNode(kubelet: string, flags: readonly string[]) {
  const words = flags.map((_, i) => `"$${i + 1}"`).join(' ');
  return { command: '/bin/sh', args: ['-c', `exec "$0" ${words}`, kubelet, ...flags] };
}

/** Writes the kubelet's files; answers its flags. */
function prepareKubelet(cluster: Cluster): string[] {
  const { data, config, pki } = cluster;
  const folder = join(data.path, 'upstream-kubelet');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const addresses = [config.nodeAddress];
  const { client, server } = nodeCertificates(pki, { name: config.nodeName, addresses });
  writeFileSync(join(folder, 'server.crt'), server.certificate, { mode: 0o600 });
  writeFileSync(join(folder, 'server.key'), server.key, { mode: 0o600 });
  const user = `system:node:${config.nodeName}`;
  writeUserFile(cluster, join(folder, 'kubeconfig'), { user, identity: client });
  writeKubeletConfiguration(cluster, folder);
  return kubeletFlags(cluster, folder);
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
    nodeAddress: config.nodeAddress,
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
