/**
 * Clusters of processes on loopback, some of them ours and some upstream's, with three simulated
 * nodes. Ours are started with the flags that upstream's get.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  freePorts,
  openCluster,
  untilDefaultAccount,
  untilNodes,
  untilReadyz,
} from '../../bench/cluster.ts';
import { startComponents } from '../../bench/components.ts';
import { type OwnProcess, startProcess } from '../../bench/processes.ts';
import type { Scope } from '../../bench/scope.ts';
import { startSimulatedNodes } from '../../bench/simulated-nodes.ts';
import type { Running } from '../../bench/subject.ts';
import {
  startComponent,
  untilHealthy,
  untilServing,
  writeUserFiles,
} from '../../bench/upstream.ts';
import {
  apiServerFlags,
  controllerManagerFlags,
  etcdFlags,
  schedulerFlags,
} from '../../bench/upstream-flags.ts';

export const COX = fileURLToPath(import.meta.resolve('../../bin/cox.ts'));
export const NODES = 3;

export type Side = 'ours' | 'upstream';

/** Whose each component is. */
export interface Mix {
  readonly apiServer: Side;
  readonly controllerManager: Side;
  readonly scheduler: Side;
}

/** Flags of upstream's that ours do not have, and need not. */
const NOT_OURS = [
  '--etcd-servers=',
  '--flex-volume-plugin-dir=',
  '--kubelet-preferred-address-types=',
];

/** `folder`: where upstream's programs are; `simulatedNodes`: how many of them. */
export async function startMix(
  scope: Scope,
  folder: string,
  mix: Mix,
  simulatedNodes = NODES,
): Promise<Running> {
  const cluster = await openCluster(scope.temporaryDirectory());
  const [etcd = 0, etcdPeer = 0, controllerManager = 0, scheduler = 0] = await freePorts(4);
  const ports = { etcd, etcdPeer, controllerManager, scheduler };
  writeUserFiles(cluster);
  return startComponents(cluster, async ({ add, http, client }) => {
    const run = (side: Side, name: string, args: readonly string[]): OwnProcess =>
      add(
        side === 'upstream'
          ? startComponent(scope, cluster, { folder, name, args })
          : startProcess(scope, {
              name: `cox ${name}`,
              command: process.execPath,
              args: [COX, name.replace('kube-', ''), ...args.filter(isOurs)],
              logPath: join(cluster.data.logs, `cox-${name}.log`),
            }),
      );
    if (mix.apiServer === 'upstream')
      await untilHealthy(run('upstream', 'etcd', etcdFlags(cluster, ports)), etcd);
    const store = mix.apiServer === 'ours' ? [`--data-dir=${cluster.data.path}`] : [];
    const server = run(mix.apiServer, 'kube-apiserver', [
      ...apiServerFlags(cluster, ports),
      ...store,
    ]);
    await untilReadyz(http, server.failed);
    const limits = mix.controllerManager === 'upstream' ? { qps: 1000, burst: 1000 } : undefined;
    const controllers = run(
      mix.controllerManager,
      'kube-controller-manager',
      controllerManagerFlags(cluster, ports, limits),
    );
    const binder = run(mix.scheduler, 'kube-scheduler', schedulerFlags(cluster, ports, undefined));
    await untilDefaultAccount(client, controllers.failed);
    await untilServing(cluster, controllers, { port: controllerManager, path: '/healthz' });
    await untilServing(cluster, binder, { port: scheduler, path: '/readyz' });
    if (simulatedNodes > 0) {
      const nodes = add(startSimulatedNodes(scope, cluster.data.path, simulatedNodes));
      await untilNodes(client, simulatedNodes, nodes.failed);
    }
    return {};
  });
}

function isOurs(flag: string): boolean {
  return !NOT_OURS.some((name) => flag.startsWith(name));
}
