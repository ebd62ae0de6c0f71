/**
 * `npm run bench -- start`: how long it takes until a cluster is there, and what it costs at rest.
 *
 * Ready means: from exec to `/readyz` answering ok, every controller synced, and the default
 * service account there. The control plane is a process of its own, as in the product.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONFIG_MAP } from '../src/api/core/config-map.ts';
import { DEPLOYMENT } from '../src/api/apps/deployment.ts';
import { SERVICE_ACCOUNT } from '../src/api/core/service-account.ts';
import { POD } from '../src/api/core/pod.ts';
import type { Deployment } from '../src/api/gen/apps-v1.ts';
import { readBody } from '../src/base/http/message.ts';
import { RestClient } from '../src/client/rest.ts';
import {
  CLUSTER_DEFAULTS,
  writeClusterConfig,
  type ClusterConfig,
} from '../src/cli/cluster-config.ts';
import { clusterPki } from '../src/cli/cluster-pki.ts';
import { dataDirectoryAt, prepareDataDirectory } from '../src/cli/data-directory.ts';
import { realEnvironment } from '../src/edge/environment.ts';
import { httpClient, type HttpClient } from '../src/edge/http-client.ts';

const ROUNDS = 5;
const environment = realEnvironment({ logLevel: 'error' });

interface Cluster {
  readonly folder: string;
  readonly config: ClusterConfig;
  readonly http: HttpClient;
  readonly client: RestClient;
}

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      );
    });
  });
}

async function makeCluster(simulatedNodes: number): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'coxswain-bench-'));
  const data = dataDirectoryAt(folder);
  prepareDataDirectory(data);
  const config: ClusterConfig = {
    ...CLUSTER_DEFAULTS,
    nodeName: 'bench',
    nodeAddress: '127.0.0.1',
    simulatedNodes,
    listenHost: '127.0.0.1',
    listenPort: await freePort(),
  };
  writeClusterConfig(data, config);
  const pki = clusterPki(data, config, Date.now());
  const http = httpClient({
    host: config.listenHost,
    port: config.listenPort,
    tls: { ca: pki.authority.certificate, cert: pki.admin.certificate, key: pki.admin.key },
  });
  return {
    folder,
    config,
    http,
    client: new RestClient({ handler: http.handler, environment, userAgent: 'bench' }),
  };
}

function startControlPlane(cluster: Cluster): ChildProcess {
  return spawn(process.execPath, ['bin/cox.ts', 'control-plane', '--data-dir', cluster.folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function until(check: () => Promise<boolean>, everyMs = 2): Promise<void> {
  for (;;) {
    try {
      if (await check()) return;
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

async function isReady({ http }: Cluster): Promise<boolean> {
  const response = await http.handler({ method: 'GET', url: '/readyz', headers: {} });
  await readBody(response.body);
  return response.status === 200;
}

async function untilReady(cluster: Cluster): Promise<number> {
  const began = performance.now();
  await until(() => isReady(cluster));
  await until(
    async () => (await cluster.client.get(SERVICE_ACCOUNT, 'default', 'default')) !== undefined,
  );
  return performance.now() - began;
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function report(what: string, value: string, goal: string): void {
  process.stdout.write(`${what.padEnd(58)} ${value.padStart(14)}   goal ${goal}\n`);
}

const milliseconds = (values: readonly number[]): string => `${median(values).toFixed(0)} ms`;

export async function benchStart(): Promise<void> {
  process.stdout.write(`Medians of ${ROUNDS} rounds.\n`);
  await coldStart();
  await atRest();
  await restartWithPods();
  await deploymentOf500();
}

async function coldStart(): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS + 1; round++) {
    const cluster = await makeCluster(0);
    const child = startControlPlane(cluster);
    const took = await untilReady(cluster);
    // The first round fills the compile cache.
    if (round > 0) times.push(took);
    await stop(child);
    cluster.http.close();
    rmSync(cluster.folder, { recursive: true });
  }
  report('cold start, empty data directory, warm compile cache', milliseconds(times), '≤ 800 ms');
}

/** Resident memory in MB and processor time in seconds of a process. */
function usage(pid: number): { megabytes: number; seconds: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    megabytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024,
    seconds: (Number(fields[11]) + Number(fields[12])) / 100,
  };
}

async function atRest(): Promise<void> {
  const cluster = await makeCluster(0);
  const child = startControlPlane(cluster);
  await untilReady(cluster);
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const before = usage(child.pid ?? 0);
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const after = usage(child.pid ?? 0);
  report('idle memory of the control plane', `${after.megabytes.toFixed(0)} MB`, '≤ 180 MB');
  report(
    'idle processor of the control plane',
    `${(((after.seconds - before.seconds) / 20) * 100).toFixed(2)} %`,
    '≤ 1 % of a core',
  );
  await stop(child);
  cluster.http.close();
  rmSync(cluster.folder, { recursive: true });
}

const PODS = 10_000;
const WRITERS = 64;

async function restartWithPods(): Promise<void> {
  const cluster = await makeCluster(0);
  let child = startControlPlane(cluster);
  await untilReady(cluster);
  let next = 0;
  const began = performance.now();
  const write = async (): Promise<void> => {
    while (next < PODS) {
      const name = `pod-${next++}`;
      await cluster.client.create(POD, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', labels: { app: 'bench' } },
        spec: {
          schedulerName: 'none',
          containers: [{ name: 'main', image: 'example/bench' }],
        } as never,
      });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  const seconds = (performance.now() - began) / 1000;
  report(
    `writing ${PODS} pods, ${WRITERS} at a time`,
    `${(PODS / seconds).toFixed(0)} /s`,
    '(none)',
  );
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await stop(child);
    child = startControlPlane(cluster);
    times.push(await untilReady(cluster));
  }
  report(`restart with ${PODS} pods`, milliseconds(times), '≤ 1000 ms');
  report(`memory with ${PODS} pods`, `${usage(child.pid ?? 0).megabytes.toFixed(0)} MB`, '(none)');
  await stop(child);
  cluster.http.close();
  rmSync(cluster.folder, { recursive: true });
}

async function deploymentOf500(): Promise<void> {
  const cluster = await makeCluster(100);
  const child = startControlPlane(cluster);
  await untilReady(cluster);
  await cluster.client.create(CONFIG_MAP, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'warm', namespace: 'default' },
  });
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 500,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'example/web' }] },
      },
    } as never,
  };
  const began = performance.now();
  await cluster.client.create(DEPLOYMENT, deployment);
  await until(async () => {
    const { items } = await cluster.client.list(POD, {
      namespace: 'default',
      labelSelector: 'app=web',
      fieldSelector: 'spec.nodeName!=',
    });
    return items.length === 500;
  }, 50);
  report(
    'Deployment 0 → 500 bound on 100 simulated nodes',
    `${(performance.now() - began).toFixed(0)} ms`,
    '≤ 2000 ms',
  );
  await stop(child);
  cluster.http.close();
  rmSync(cluster.folder, { recursive: true });
}
