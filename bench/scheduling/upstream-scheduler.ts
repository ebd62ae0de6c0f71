/** Upstream's etcd, kube-apiserver and kube-scheduler as a subject, with its clients' limits lifted. */
import { targetOf } from '../api/subject.ts';
import { freePorts, openCluster, untilReadyz } from '../cluster.ts';
import { startComponents } from '../components.ts';
import type { OwnProcess } from '../processes.ts';
import type { Scope } from '../scope.ts';
import {
  LIMITS_LIFTED,
  startComponent,
  untilHealthy,
  untilServing,
  writeUserFiles,
} from '../upstream.ts';
import { apiServerFlags, etcdFlags, schedulerFlags } from '../upstream-flags.ts';
import { DISABLED_ADMISSION, type RunningScheduler, type SchedulingSubject } from './subject.ts';

/** `folder`: where the binaries are. */
export function upstreamScheduler(folder: string): SchedulingSubject {
  return { name: 'upstream', start: (scope) => start(folder, scope) };
}

async function start(folder: string, scope: Scope): Promise<RunningScheduler> {
  const cluster = await openCluster(scope.temporaryDirectory());
  const [etcd = 0, etcdPeer = 0, scheduler = 0] = await freePorts(3);
  const ports = { etcd, etcdPeer, controllerManager: 0, scheduler };
  writeUserFiles(cluster);
  return startComponents(cluster, async ({ add, http }) => {
    const run = (name: string, args: readonly string[]): OwnProcess =>
      add(startComponent(scope, cluster, { folder, name, args }));
    await untilHealthy(run('etcd', etcdFlags(cluster, ports)), etcd);
    const server = run('kube-apiserver', [
      ...apiServerFlags(cluster, ports),
      `--disable-admission-plugins=${DISABLED_ADMISSION.join(',')}`,
    ]);
    await untilReadyz(http, server.failed);
    const binder = run('kube-scheduler', schedulerFlags(cluster, ports, LIMITS_LIFTED));
    await untilServing(cluster, binder, { port: scheduler, path: '/readyz' });
    return { target: targetOf(cluster), schedulerPid: binder.pid };
  });
}
