/** Reads while much changes: 500 nodes, 10,000 pods of which some are deleted and made again all the time. */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { POD } from '#api/core/pod.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { RestClient } from '#client/rest.ts';
import { Connection, type Target } from '../api/connection.ts';
import { requestTemplate } from '../api/pod.ts';
import { quantile } from '../measure.ts';
import { NAMESPACE } from '../pods.ts';
import { Arrivals } from '../requests.ts';
import { alternate, type Bench, type Measurement, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';
import { sleep } from '../wait.ts';
import { type Loaded, withNodes } from './cluster.ts';

const NODES = 500;
const DEPLOYMENTS = 20;
const REPLICAS = 500;
const PODS = DEPLOYMENTS * REPLICAS;
const START_TIMEOUT_MS = 300_000;
const WARM_UP_MS = 5_000;
const MEASURE_MS = 45_000;
const DELETIONS_PER_SECOND = 20;
const GETS_PER_SECOND = 50;
const LIST_EVERY_MS = 500;
const GET_GOAL_MS = 100;
const LIST_GOAL_MS = 1_000;
const PODS_PATH = `/api/v1/namespaces/${NAMESPACE}/pods`;

export const CHURN: Measurement = { name: 'reads of 10,000 pods under churn', run };

interface Reads {
  readonly gets: readonly number[];
  readonly lists: readonly number[];
}

async function run(bench: Bench): Promise<Row[]> {
  const results = await alternate<Reads>(bench, {
    name: 'reads under churn',
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    once: (subject) => withNodes(bench, subject, { nodes: NODES, runsPods: true }, measure),
  });
  const p99 = (values: readonly number[]): number => quantile(values, 0.99);
  return [
    rowOf(results, {
      what: `get under churn, ${NODES} nodes, ${PODS} pods: p99`,
      unit: 'ms',
      goal: GET_GOAL_MS,
      value: ({ gets }) => p99(gets),
    }),
    rowOf(results, { what: '  p50', unit: 'ms', value: ({ gets }) => quantile(gets, 0.5) }),
    rowOf(results, {
      what: `list of ${PODS} pods under churn: p99`,
      unit: 'ms',
      goal: LIST_GOAL_MS,
      value: ({ lists }) => p99(lists),
    }),
    rowOf(results, { what: '  p50', unit: 'ms', value: ({ lists }) => quantile(lists, 0.5) }),
  ];
}

async function measure({ client, target }: Loaded): Promise<Reads> {
  const bound = await Arrivals.open(target, `${PODS_PATH}?fieldSelector=spec.nodeName%21%3D`);
  for (let i = 0; i < DEPLOYMENTS; i++) await client.create(DEPLOYMENT, deployment(`web-${i}`));
  await bound.until(PODS, { timeoutMs: START_TIMEOUT_MS, what: `${PODS} pods to be bound` });
  bound.close();
  const { items } = await client.list(POD, { namespace: NAMESPACE });
  const names = items.map(({ metadata }) => metadata?.name ?? '');
  const ending = new AbortController();
  const { signal } = ending;
  // The pods that are deleted and those that are read are not the same ones.
  const half = Math.floor(names.length / 2);
  const deleting = deletePods(client, names.slice(0, half), signal);
  try {
    await sleep(WARM_UP_MS);
    const reading = [
      repeat(target, { everyMs: 1_000 / GETS_PER_SECOND, signal }, (turn) =>
        read(`${PODS_PATH}/${names[half + (turn % half)] ?? ''}`),
      ),
      repeat(target, { everyMs: LIST_EVERY_MS, signal }, () => read(PODS_PATH)),
    ] as const;
    await Promise.race([sleep(MEASURE_MS), deleting]);
    ending.abort();
    const [gets, lists] = await Promise.all(reading);
    return { gets, lists };
  } finally {
    ending.abort();
    await deleting;
  }
}

function read(path: string): Buffer {
  return requestTemplate({ method: 'GET', path, accept: 'application/json' }).with();
}

/** How long each answer took. One request at a time; one that is late is not made up for. */
async function repeat(
  target: Target,
  { everyMs, signal }: { readonly everyMs: number; readonly signal: AbortSignal },
  requestOf: (turn: number) => Buffer,
): Promise<number[]> {
  const connection = await Connection.open(target);
  const times: number[] = [];
  while (!signal.aborted) {
    const beganMs = performance.now();
    await connection.exchange(requestOf(times.length));
    const tookMs = performance.now() - beganMs;
    times.push(tookMs);
    await sleep(Math.max(0, everyMs - tookMs));
  }
  connection.close();
  return times;
}

async function deletePods(
  client: RestClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const beganMs = performance.now();
  for (const [index, name] of names.entries()) {
    await sleep(Math.max(0, beganMs + (index * 1_000) / DELETIONS_PER_SECOND - performance.now()));
    if (signal.aborted) return;
    await client.delete(POD, { name, namespace: NAMESPACE });
  }
}

function deployment(name: string): Deployment {
  const labels = { app: name };
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'web', image: 'example/web' }] },
      },
    },
  };
}
