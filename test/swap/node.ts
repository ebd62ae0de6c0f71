/**
 * One real node with real containers whose kubelet and proxy are ours or upstream's, below a control
 * plane that is ours or upstream's. Both sides get the same configuration files.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SUBJECT_ACCESS_REVIEW } from '#api/authorization/subject-access-review.ts';
import { runCommand } from '#base/run-command.ts';
import { realProcesses } from '#edge/processes.ts';
import { type Cluster, freePorts, readCluster, writeUserFile } from '../../bench/cluster.ts';
import { type OwnProcess, startProcess } from '../../bench/processes.ts';
import type { Scope } from '../../bench/scope.ts';
import type { Running } from '../../bench/subject.ts';
import { untilTrue } from '../../bench/wait.ts';
import { letApiServerAskKubelets, startKubelet } from '../../bench/upstream-node.ts';
import { importBusyboxTo } from '../e2e/real-cluster.ts';
import { COX, type Mix, type Side, startMix } from './cluster.ts';

export interface NodeMix extends Mix {
  readonly kubelet: Side;
  readonly proxy: Side;
}

/** The administrator's, below the data directory. */
export const KUBECONFIG = 'admin.kubeconfig';

/** The tables that upstream's proxy makes, whatever its cluster. */
const PATIENCE = { timeoutMs: 120_000, everyMs: 50 };
const UPSTREAM_TABLES = ['ip kube-proxy', 'ip6 kube-proxy'];

/** `folder`: where upstream's programs are. Needs root and Linux. */
export async function startNodeMix(scope: Scope, folder: string, mix: NodeMix): Promise<Running> {
  const control = await startMix(scope, folder, mix, 0);
  const cluster = readCluster(control.directory);
  const { data, pki } = cluster;
  writeUserFile(cluster, join(data.path, KUBECONFIG), { user: 'admin', identity: pki.admin });
  const ours = [process.execPath, COX] as const;
  const stopNode = await startKubelet({
    scope,
    cluster,
    control,
    command: mix.kubelet === 'ours' ? [...ours, 'kubelet'] : [join(folder, 'kubelet')],
  });
  try {
    await importBusyboxTo(data, data.images);
    await allowToAskKubelets(control);
    const config = await writeProxyConfiguration(cluster);
    const [command, ...words] =
      mix.proxy === 'ours' ? ([...ours, 'proxy'] as const) : [join(folder, 'kube-proxy')];
    const proxy = startProcess(scope, {
      name: `${mix.proxy} proxy`,
      command: command ?? '',
      args: [...words, `--config=${config}`],
      logPath: join(data.logs, 'proxy.log'),
    });
    return {
      ...control,
      failed: Promise.race([control.failed, proxy.failed]),
      stop: async () => {
        try {
          await stopProxy(mix.proxy, proxy);
        } finally {
          await stopNode();
        }
      },
    };
  } catch (error) {
    await stopNode();
    throw error;
  }
}

/** A kubelet that asks too early remembers for half a minute that it may not. */
async function allowToAskKubelets({ client, failed }: Running): Promise<void> {
  await letApiServerAskKubelets(client);
  const review = {
    spec: {
      user: 'kube-apiserver-kubelet-client',
      resourceAttributes: { verb: 'create', resource: 'nodes', subresource: 'proxy' },
    },
  };
  const isAllowed = async () =>
    (await client.create(SUBJECT_ACCESS_REVIEW, review)).status?.allowed === true;
  await untilTrue(isAllowed, { what: 'the right to ask kubelets', failed, ...PATIENCE });
}

/** Rules stay when a proxy ends: who started it takes them away. */
async function stopProxy(side: Side, proxy: OwnProcess): Promise<void> {
  await proxy.stop();
  if (side === 'ours')
    await runCommand(realProcesses(), process.execPath, [COX, 'proxy', '--cleanup']);
  else
    for (const table of UPSTREAM_TABLES)
      await realProcesses().run('nft', ['delete', 'table', ...table.split(' ')]);
}

/** Source: Kubernetes documentation, "kube-proxy Configuration (v1alpha1)". */
async function writeProxyConfiguration(cluster: Cluster): Promise<string> {
  const { data, config, pki } = cluster;
  const kubeconfig = join(data.path, 'proxy.kubeconfig');
  writeUserFile(cluster, kubeconfig, { user: 'system:kube-proxy', identity: pki.proxy });
  const [health = 0, metrics = 0] = await freePorts(2);
  const path = join(data.path, 'proxy.json');
  const configuration = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig },
    clusterCIDR: config.podCidr,
    hostnameOverride: config.nodeName,
    healthzBindAddress: `127.0.0.1:${health}`,
    metricsBindAddress: `127.0.0.1:${metrics}`,
    // Settings of the machine are left alone.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
  writeFileSync(path, JSON.stringify(configuration, undefined, 2));
  return path;
}
