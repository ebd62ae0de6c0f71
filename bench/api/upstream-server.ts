/** Upstream's API server and etcd as a subject: two processes, the flags as in `bench -- start`. */
import { join } from 'node:path';
import { freePorts, openCluster, untilReadyz } from '../cluster.ts';
import { startComponents } from '../components.ts';
import { startProcess } from '../processes.ts';
import { startComponent, untilHealthy } from '../upstream.ts';
import { apiServerFlags, etcdFlags } from '../upstream-flags.ts';
import {
  type ApiStartOptions,
  type ApiSubject,
  delayedSyncs,
  makeNamespace,
  type RunningApi,
  targetOf,
} from './subject.ts';

/** `folder`: where the binaries are. */
export function upstreamServer(folder: string): ApiSubject {
  return { name: 'upstream', isOwn: true, start: (options) => start(folder, options) };
}

async function start(folder: string, options: ApiStartOptions): Promise<RunningApi> {
  const { scope, directory, syncDelayMs } = options;
  const cluster = await openCluster(directory);
  const [etcd = 0, etcdPeer = 0] = await freePorts(2);
  const ports = { etcd, etcdPeer, controllerManager: 0, scheduler: 0 };
  return startComponents(cluster, async ({ add, http, client }) => {
    const beganMs = performance.now();
    const store = startProcess(scope, {
      name: 'etcd',
      ...delayedSyncs(join(folder, 'etcd'), etcdFlags(cluster, ports), syncDelayMs),
      logPath: join(cluster.data.logs, 'etcd.log'),
    });
    await untilHealthy(add(store), etcd);
    const name = 'kube-apiserver';
    const args = apiServerFlags(cluster, ports);
    const server = add(startComponent(scope, cluster, { folder, name, args }));
    await untilReadyz(http, server.failed);
    const readyMs = performance.now() - beganMs;
    await makeNamespace(client);
    return { readyMs, target: targetOf(cluster), loopDelay: () => Promise.resolve(undefined) };
  });
}
