/**
 * One client floods the API server with lists: another goes on being answered, and nodes renew their
 * leases. Server, flood, nodes and the client that is measured are processes of their own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { usageOf } from '../../bench/measure.ts';
import { Scope } from '../../bench/scope.ts';
import { startSimulatedNodes } from '../../bench/simulated-nodes.ts';
import { untilNodes } from '../../bench/cluster.ts';
import { CONFIG_MAP } from '../../src/api/core/config-map.ts';
import { LEASE } from '../../src/api/coordination/lease.ts';
import { NAMESPACE } from '../../src/api/core/namespace.ts';
import { CLUSTER_ROLE_BINDING } from '../../src/api/rbac/cluster-role-binding.ts';
import {
  type Latency,
  latencyText,
  type LoadCluster,
  measure,
  startLoadCluster,
} from './load-cluster.ts';

export interface FloodOptions {
  /** Lists at a time. */
  readonly lists: number;
  readonly objects: number;
  readonly nodes: number;
  readonly seconds: number;
  readonly tell: (line: string) => void;
}

export interface FloodFigures {
  readonly before: readonly Latency[];
  readonly during: readonly Latency[];
  /** The longest time between two renewals of a node's lease, in milliseconds. */
  readonly leaseGapMs: number;
}

/** What is allowed. */
export const FLOOD_GOAL = { p99Ms: 1_000, leaseGapMs: 12_000 };

const FLOOD = fileURLToPath(import.meta.resolve('./flood-process.ts'));
const LISTED = '/api/v1/namespaces/listed/configmaps';
const OBJECT_BYTES = 4_000;
const WRITERS = 32;
const BASELINE_SECONDS = 5;
/** Between two requests of one kind by the client that is measured. */
const EVERY_MS = 50;
const SETTLE_MS = 2_000;

/** Resolves with what was measured. Needs no root; takes `seconds` and about a minute. */
export async function runFlood(options: FloodOptions): Promise<FloodFigures> {
  const scope = new Scope();
  try {
    const load = await startLoadCluster(scope);
    await prepare(load, options.objects);
    const { cluster, admin } = load;
    const nodes = startSimulatedNodes(scope, cluster.data.path, options.nodes);
    await untilNodes(admin.client, options.nodes, nodes.failed);
    const before = await measured(load, BASELINE_SECONDS);
    for (const each of before) options.tell(`before  ${latencyText(each)}`);
    const leases = watchLeases(load);
    const stop = startFlood(load, options);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const during = await measured(load, options.seconds);
    const { megabytes, cpuSeconds } = usageOf([load.pid]);
    options.tell(`flood: ${(await stop()).trim()}`);
    for (const each of during) options.tell(`during  ${latencyText(each)}`);
    const leaseGapMs = await leases();
    options.tell(`leases of ${options.nodes} nodes: at most ${leaseGapMs} ms between renewals`);
    options.tell(`server: ${Math.round(megabytes)} MB, ${Math.round(cpuSeconds)} s of processor`);
    return { before, during, leaseGapMs };
  } finally {
    await scope.close();
  }
}

/** Two users with the same rights, and what is listed. */
async function prepare({ admin: { client } }: LoadCluster, objects: number): Promise<void> {
  for (const name of ['listed', 'bob'])
    await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await client.create(CLUSTER_ROLE_BINDING, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'load' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
    subjects: ['mallory', 'bob'].map((name) => ({
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'User',
      name,
    })),
  });
  let made = 0;
  const write = async (): Promise<void> => {
    while (made < objects) {
      const name = `object-${made++}`;
      const data = { text: 'x'.repeat(OBJECT_BYTES) };
      const metadata = { name, namespace: 'listed' };
      await client.create(CONFIG_MAP, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

/** What bob gets, all three beside each other. */
function measured(load: LoadCluster, seconds: number): Promise<Latency[]> {
  const own = '/api/v1/namespaces/bob/configmaps';
  const bob = load.user('bob');
  const signal = AbortSignal.timeout(seconds * 1000);
  const run = Date.now();
  const options = { signal, everyMs: EVERY_MS };
  return Promise.all([
    measure('get', bob, {
      ...options,
      asked: () => ({ method: 'GET', url: `${LISTED}/object-1` }),
    }),
    measure('list', bob, { ...options, asked: () => ({ method: 'GET', url: own }) }),
    measure('create', bob, {
      ...options,
      asked: (nth) => ({
        method: 'POST',
        url: own,
        body: { metadata: { name: `made-${run}-${nth}` }, data: { a: 'b' } },
      }),
    }),
  ]).finally(() => bob.http.close());
}

/** Begins the flood; the answer ends it, and says what it got. */
function startFlood({ cluster }: LoadCluster, { lists }: FloodOptions): () => Promise<string> {
  const args = [FLOOD, cluster.data.path, 'mallory', String(lists), LISTED];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text) => {
    output += String(text);
  });
  return async () => {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
    return output;
  };
}

/** Watches the renewals as the administrator; the answer ends that, with the longest gap. */
function watchLeases({ admin: { client } }: LoadCluster): () => Promise<number> {
  const renewed = new Map<string, number>();
  let longest = 0;
  const stop = new AbortController();
  const saw = (name: string, time: string): void => {
    const atMs = Date.parse(time);
    longest = Math.max(longest, atMs - (renewed.get(name) ?? atMs));
    renewed.set(name, atMs);
  };
  const look = async (): Promise<void> => {
    const { items } = await client.list(LEASE, { namespace: 'kube-node-lease' });
    for (const { metadata, spec } of items) saw(metadata?.name ?? '', spec?.renewTime ?? '');
  };
  const watching = (async () => {
    while (!stop.signal.aborted) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  })();
  return async () => {
    stop.abort();
    await watching;
    await look();
    // Who was not renewed at all since counts too.
    for (const atMs of renewed.values()) longest = Math.max(longest, Date.now() - atMs);
    return longest;
  };
}
