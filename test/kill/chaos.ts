/**
 * Three real nodes, a Service, clients that call it all the time, and something that dies every few
 * seconds: a pod is deleted or loses its container, a node loses its process or its containerd.
 */
import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pod } from '../../src/api/gen/core-v1.ts';
import { SeededRandom } from '../../src/base/virtual/seeded-random.ts';
import { dataDirectoryAt, otherNodeDirectories } from '../../src/cli/data-directory.ts';
import type { NodeDirectory } from '../../src/cli/node-directory.ts';
import { nodeLayout } from '../../src/cli/node-layout.ts';
import { runningPid } from '../../src/cli/supervisor.ts';
import { eventually, run } from '../e2e/product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { type RealCluster, startRealCluster } from '../e2e/real-cluster.ts';

const NODES = 3;
const PODS = 6;
const REQUESTS_PER_SECOND = 50;
const REQUEST_TIMEOUT_MS = 5_000;
const KILL_EVERY_MS = 5_000;
const NAME = 'web';

/** What dies; a container that is killed more than once has to wait, so those are few. */
const WAYS = ['delete', 'delete', 'container', 'node', 'containerd'] as const;
type Way = (typeof WAYS)[number];

/** By `performance.now()`. */
interface Span {
  readonly beganMs: number;
  readonly endedMs: number;
}

interface Kill extends Span {
  readonly way: Way;
}

interface Failure extends Span {
  readonly error: string;
}

export interface ChaosFigures {
  readonly requests: number;
  readonly failures: readonly Blame[];
  readonly kills: Readonly<Partial<Record<Way, number>>>;
}

interface Blame {
  readonly error: string;
  /** The kill before, if any. */
  readonly way: Way | 'nothing';
  /** From that kill to the begin of the request; 0: the request was under way. */
  readonly afterMs: number;
}

/** Rejects when the cluster does not come to rest in the end. Needs root, Linux and kubectl. */
export async function runChaos(options: {
  readonly seconds: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}): Promise<ChaosFigures> {
  const cluster = await startRealCluster(['--nodes', String(NODES)]);
  try {
    await cluster.ok('create -f -', JSON.stringify(workload()));
    await cluster.ok(`rollout status deployment/${NAME} --timeout=120s`);
    const host = await cluster.ok(`get service ${NAME} -o jsonpath={.spec.clusterIP}`);
    const calls = new Calls(host);
    await eventually(async () => ((await calls.call()) === undefined ? true : undefined));
    const killer = new Killer(cluster, options.seed, options.tell);
    const stop = AbortSignal.timeout(options.seconds * 1000);
    const [{ requests, failures }, kills] = await Promise.all([
      calls.until(stop),
      killer.until(stop),
    ]);
    await cluster.ok(`rollout status deployment/${NAME} --timeout=120s`);
    const counts: Partial<Record<Way, number>> = {};
    for (const { way } of kills) counts[way] = (counts[way] ?? 0) + 1;
    return {
      requests,
      kills: counts,
      failures: failures.map((failure) => blame(failure, kills)),
    };
  } finally {
    await cluster.close();
  }
}

/** The nearest of the kills (in their order) that had begun before the request failed. */
export function blame(failure: Failure, kills: readonly Kill[]): Blame {
  const last = kills.findLast(({ beganMs }) => beganMs <= failure.endedMs);
  const afterMs = Math.round(Math.max(0, failure.beganMs - (last?.endedMs ?? 0)));
  return { error: failure.error, way: last?.way ?? 'nothing', afterMs };
}

export function describeChaos({ requests, failures, kills }: ChaosFigures): string {
  const share = (100 * (requests - failures.length)) / requests;
  const lines = failures.map(
    ({ error, afterMs, way }) => `  ${afterMs} ms after the kill of a ${way}: ${error}`,
  );
  return [
    `${requests} requests, ${failures.length} without an answer: ${share.toFixed(3)} % answered`,
    `killed: ${Object.entries(kills)
      .map(([way, count]) => `${way} ${count}`)
      .join(', ')}`,
    ...lines,
  ].join('\n');
}

/** Pods that take their leave as the documentation advises: out of the Service first, then down. */
function workload(): object {
  const labels = { app: NAME };
  const container = {
    name: 'main',
    image: BUSYBOX,
    command: [
      'sh',
      '-c',
      'mkdir -p /www && echo hello > /www/index.html && exec httpd -f -p 8080 -h /www',
    ],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
    lifecycle: { preStop: { sleep: { seconds: 3 } } },
  };
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: NAME },
        spec: {
          replicas: PODS,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              terminationGracePeriodSeconds: 5,
              containers: [container],
              topologySpreadConstraints: [
                {
                  maxSkew: 1,
                  topologyKey: 'kubernetes.io/hostname',
                  whenUnsatisfiable: 'ScheduleAnyway',
                  labelSelector: { matchLabels: labels },
                },
              ],
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: NAME },
        spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] },
      },
    ],
  };
}

/** Clients on the first machine, each request a connection of its own. */
class Calls {
  readonly #host: string;

  constructor(host: string) {
    this.#host = host;
  }

  /** Undefined: it was answered. */
  call(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const asked = request({ host: this.#host, port: 80, agent: false }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode === 200 ? undefined : 'a bad answer'));
        answer.on('error', (error) => resolve(error.message));
      });
      asked.setTimeout(REQUEST_TIMEOUT_MS, () => asked.destroy(new Error('no answer in time')));
      asked.on('error', (error) => resolve(error.message));
      asked.end();
    });
  }

  async until(stop: AbortSignal): Promise<{ requests: number; failures: Failure[] }> {
    const failures: Failure[] = [];
    const pending = new Set<Promise<void>>();
    const beganMs = performance.now();
    let requests = 0;
    while (!stop.aborted) {
      const dueMs = beganMs + (requests * 1000) / REQUESTS_PER_SECOND;
      await pause(Math.max(0, dueMs - performance.now()));
      requests++;
      const startMs = performance.now();
      const one = this.call().then((error) => {
        pending.delete(one);
        if (error === undefined) return;
        failures.push({ error, beganMs: startMs, endedMs: performance.now() });
      });
      pending.add(one);
    }
    await Promise.all(pending);
    return { requests, failures };
  }
}

class Killer {
  readonly #cluster: RealCluster;
  readonly #random: SeededRandom;
  readonly #tell: (line: string) => void;
  readonly #nodes: readonly NodeDirectory[];

  constructor(cluster: RealCluster, seed: number, tell: (line: string) => void) {
    const data = dataDirectoryAt(cluster.product.dataDirectory);
    this.#cluster = cluster;
    this.#random = new SeededRandom(seed);
    this.#tell = tell;
    this.#nodes = [data, ...otherNodeDirectories(data)];
  }

  async until(stop: AbortSignal): Promise<Kill[]> {
    const kills: Kill[] = [];
    while (!stop.aborted) {
      await pause(KILL_EVERY_MS);
      const way = this.#random.pick(WAYS);
      const beganMs = performance.now();
      const killed = await this.#kill(way);
      if (killed) kills.push({ way, beganMs, endedMs: performance.now() });
    }
    return kills;
  }

  /** False: there was nothing to kill. */
  async #kill(way: Way): Promise<boolean> {
    if (way === 'node' || way === 'containerd') {
      const pid = runningPid(this.#random.pick(this.#nodes).run, way);
      if (pid === undefined) return false;
      process.kill(pid, 'SIGKILL');
      this.#tell(`SIGKILL of a ${way}`);
      return true;
    }
    const pod = await this.#readyPod(way);
    if (pod === undefined) return false;
    const name = pod.metadata?.name ?? '';
    this.#tell(`${way} of ${name}`);
    if (way === 'delete') {
      await this.#cluster.ok(`delete pod ${name} --wait=false`);
      return true;
    }
    const id = (pod.status?.containerStatuses?.[0]?.containerID ?? '').replace('containerd://', '');
    // One of them has it.
    const words = ['--namespace', 'k8s.io', 'tasks', 'kill', '--signal', 'SIGKILL', id];
    await Promise.all(
      this.#nodes.map((node) =>
        run('ctr', ['--address', nodeLayout(node).containerdSocket, ...words]),
      ),
    );
    return true;
  }

  /**
   * Only while most are ready. A container dies in a pod whose container never did, so that it starts
   * again without a pause.
   */
  async #readyPod(way: Way): Promise<Pod | undefined> {
    const { items } = JSON.parse(await this.#cluster.ok('get pods -o json')) as { items: Pod[] };
    const ready = items.filter(
      ({ metadata, status }) =>
        metadata?.deletionTimestamp === undefined &&
        status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
    const fit = ready.filter(
      ({ status }) => way === 'delete' || status?.containerStatuses?.[0]?.restartCount === 0,
    );
    return ready.length < PODS - 1 || fit.length === 0 ? undefined : this.#random.pick(fit);
  }
}
