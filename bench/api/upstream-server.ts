/** Upstream's API server and etcd as a subject: two processes, the flags as in `bench -- start`. */
import { join } from 'node:path';
import { connect, freePorts, openCluster, untilReadyz } from '../cluster.ts';
import { type OwnProcess, startProcess } from '../processes.ts';
import { untilHealthy } from '../upstream.ts';
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
  const logOf = (name: string): string => join(cluster.data.logs, `${name}.log`);
  const processes: OwnProcess[] = [];
  const { http, client } = connect(cluster);
  const stop = async (): Promise<void> => {
    http.close();
    for (const process of processes.toReversed()) await process.stop();
  };
  try {
    const beganMs = performance.now();
    const store = startProcess(scope, {
      name: 'etcd',
      ...delayedSyncs(join(folder, 'etcd'), etcdFlags(cluster, ports), syncDelayMs),
      logPath: logOf('etcd'),
    });
    processes.push(store);
    await untilHealthy(store, etcd);
    const server = startProcess(scope, {
      name: 'kube-apiserver',
      command: join(folder, 'kube-apiserver'),
      args: apiServerFlags(cluster, ports),
      logPath: logOf('kube-apiserver'),
    });
    processes.push(server);
    await untilReadyz(http, server.failed);
    const readyMs = performance.now() - beganMs;
    await makeNamespace(client);
    const failed = Promise.race(processes.map((process) => process.failed));
    failed.catch(() => {});
    return {
      directory,
      client,
      target: targetOf(cluster),
      pids: [store.pid, server.pid],
      readyMs,
      failed,
      stop,
      loopDelay: () => Promise.resolve(undefined),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
