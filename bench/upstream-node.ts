/**
 * Upstream's kubelet on a node of the product's making, with upstream's control plane: what differs
 * is the kubelet, and the control plane it talks to.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlreadyExists } from '#api/meta/status.ts';
import { CLUSTER_ROLE_BINDING } from '#api/rbac/cluster-role-binding.ts';
import type { RestClient } from '#client/rest.ts';
import { nodeLayout } from '#cli/node-layout.ts';
import { nodeCertificates } from '#cli/pki.ts';
import { type Cluster, readCluster, untilNodes, writeUserFile } from './cluster.ts';
import { kubeletFlags, writeKubeletConfiguration } from './kubelet-configuration.ts';
import { rememberMachine } from './kubelet-traces.ts';
import { startOwnNode } from './own-node.ts';
import { logTail } from './processes.ts';
import type { Scope, Undo } from './scope.ts';
import type { Running, Started, StartOptions } from './subject.ts';

/** As kubeadm gives it to the API server's certificate of a client. */
const API_SERVER_MAY_ASK_KUBELETS = {
  metadata: { name: 'apiserver-kubelet-client' },
  roleRef: {
    apiGroup: 'rbac.authorization.k8s.io',
    kind: 'ClusterRole',
    name: 'cluster-admin',
  },
  subjects: [
    { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'kube-apiserver-kubelet-client' },
  ],
};

/** Upstream's API server asks kubelets as a user of its own. A store of before has that already. */
export async function letApiServerAskKubelets(client: RestClient): Promise<void> {
  await client.create(CLUSTER_ROLE_BINDING, API_SERVER_MAY_ASK_KUBELETS).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}

export interface NodeOptions extends StartOptions {
  /** The binary. */
  readonly kubelet: string;
  /** Starts the control plane. */
  readonly start: (options: StartOptions) => Promise<Started>;
}

export async function startUpstreamNode(options: NodeOptions): Promise<Running> {
  const control = await options.start(options);
  let stop: Undo = () => control.stop();
  try {
    const cluster = readCluster(options.directory);
    await letApiServerAskKubelets(control.client);
    stop = await startKubelet({ ...options, cluster, control, command: [options.kubelet] });
    return { ...control, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export interface KubeletOptions {
  readonly scope: Scope;
  readonly cluster: Cluster;
  readonly control: Running;
  /** An absolute path, and words before the flags. */
  readonly command: readonly [string, ...string[]];
}

/** Once its node is Ready; answers the way to end the node, and the control plane with it. */
export async function startKubelet(options: KubeletOptions): Promise<Undo> {
  const { scope, cluster, control } = options;
  const [command, ...words] = options.command;
  const args = [...words, ...prepareKubelet(cluster)];
  const restoreMachine = rememberMachine(nodeLayout(cluster.data).podLogs);
  const stop = await startOwnNode({
    scope,
    cluster,
    program: { command, args },
    beforeCleanUp: () => control.stop(),
    afterCleanUp: restoreMachine,
  });
  try {
    await untilNodes(control.client, 1, control.failed);
    return stop;
  } catch (error) {
    const log = logTail(join(cluster.data.logs, 'node.log'));
    await stop();
    throw new Error(`The node is not Ready: ${String(error)}\n${log}`, { cause: error });
  }
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
