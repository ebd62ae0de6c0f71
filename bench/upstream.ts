/**
 * Upstream's control plane as a subject: etcd, kube-apiserver, kube-controller-manager and
 * kube-scheduler as four processes on loopback, with certificates of our own making.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from '#cli/pki.ts';
import { httpClient } from '#edge/http-client.ts';
import {
  type Cluster,
  freePorts,
  isOk,
  openCluster,
  untilDefaultAccount,
  untilReadyz,
  writeUserFile,
} from './cluster.ts';
import { startComponents } from './components.ts';
import { type OwnProcess, startProcess } from './processes.ts';
import type { Scope } from './scope.ts';
import type { Started, StartOptions, Subject } from './subject.ts';
import {
  apiServerFlags,
  type ClientLimits,
  controllerManagerFlags,
  etcdFlags,
  kubeconfigPath,
  type Ports,
  schedulerFlags,
} from './upstream-flags.ts';
import { startUpstreamNode } from './upstream-node.ts';
import { untilTrue } from './wait.ts';

/** More than any of its clients ever asks for: ours have no such limit. */
export const LIMITS_LIFTED: ClientLimits = { qps: 100_000, burst: 100_000 };

const BINARIES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet'];
const START_TIMEOUT_MS = 60_000;
const LOOK_MS = 5;

/** Fails when `folder` lacks one of the binaries. */
export function checkBinaries(folder: string): void {
  for (const name of BINARIES) {
    try {
      accessSync(join(folder, name), constants.X_OK);
    } catch {
      throw new Error(
        `Cannot compare with ${folder}: there is no program ${name} in it. It must hold ${BINARIES.join(', ')}.`,
      );
    }
  }
}

/** `folder`: where the binaries are. */
export function upstream(folder: string, limits: ClientLimits | undefined): Subject {
  const start = (options: StartOptions): Promise<Started> =>
    startControlPlane(folder, limits, options);
  return {
    name: limits === undefined ? 'upstream with its default client limits' : 'upstream',
    start,
    startWithNode: (options) =>
      startUpstreamNode({ ...options, kubelet: join(folder, 'kubelet'), start }),
  };
}

async function startControlPlane(
  folder: string,
  limits: ClientLimits | undefined,
  { scope, directory }: StartOptions,
): Promise<Started> {
  const cluster = await openCluster(directory);
  const [etcd = 0, etcdPeer = 0, controllerManager = 0, scheduler = 0] = await freePorts(4);
  const ports: Ports = { etcd, etcdPeer, controllerManager, scheduler };
  writeUserFiles(cluster);
  return startComponents(cluster, async ({ add, http, client }) => {
    const run = (name: string, args: readonly string[]): OwnProcess =>
      add(startComponent(scope, cluster, { folder, name, args }));
    const beganMs = performance.now();
    // Each begins when what it needs is there: one that has to try again loses a second or more.
    await untilHealthy(run('etcd', etcdFlags(cluster, ports)), etcd);
    const server = run('kube-apiserver', apiServerFlags(cluster, ports));
    await untilReadyz(http, server.failed);
    const controllers = run(
      'kube-controller-manager',
      controllerManagerFlags(cluster, ports, limits),
    );
    const binder = run('kube-scheduler', schedulerFlags(cluster, ports, limits));
    await Promise.all([
      untilDefaultAccount(client, controllers.failed),
      untilServing(cluster, controllers, { port: controllerManager, path: '/healthz' }),
      untilServing(cluster, binder, { port: scheduler, path: '/readyz' }),
    ]);
    return { readyMs: performance.now() - beganMs };
  });
}

export function startComponent(
  scope: Scope,
  { data }: Cluster,
  { folder, name, args }: { folder: string; name: string; args: readonly string[] },
): OwnProcess {
  const command = join(folder, name);
  return startProcess(scope, { name, command, args, logPath: join(data.logs, `${name}.log`) });
}

export function writeUserFiles(cluster: Cluster): void {
  const { data, pki } = cluster;
  const users: Record<string, KeyPair> = {
    'controller-manager': pki.controllerManager,
    scheduler: pki.scheduler,
  };
  for (const [user, identity] of Object.entries(users))
    writeUserFile(cluster, kubeconfigPath(data.path, user), { user, identity });
}

/** Until etcd says that it has a leader: itself. */
export async function untilHealthy(etcd: OwnProcess, port: number): Promise<void> {
  const http = httpClient({ host: '127.0.0.1', port });
  await untilTrue(() => isOk(http, '/health'), {
    timeoutMs: START_TIMEOUT_MS,
    everyMs: LOOK_MS,
    what: 'etcd',
    failed: etcd.failed,
  }).finally(() => http.close());
}

/** Until a component that serves with a certificate of its own making answers ok. */
export async function untilServing(
  { pki }: Cluster,
  component: OwnProcess,
  { port, path }: { readonly port: number; readonly path: string },
): Promise<void> {
  const tls = { ca: pki.authority.certificate, insecureSkipVerify: true };
  const http = httpClient({ host: '127.0.0.1', port, tls });
  await untilTrue(() => isOk(http, path), {
    timeoutMs: START_TIMEOUT_MS,
    everyMs: LOOK_MS,
    what: `${path} of a component of upstream's`,
    failed: component.failed,
  }).finally(() => http.close());
}
