/**
 * Pods with real containers on a real node: from the request that creates one until the API shows
 * it Running, one at a time and many at once.
 */
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { RestClient } from '#client/rest.ts';
import { SANDBOX_IMAGE } from '#cli/node-layout.ts';
import { quantile } from '../measure.ts';
import { NAMESPACE, PodWatch } from '../pods.ts';
import { alternate, type Bench, type Measurement, type Results, rowOf } from '../rounds.ts';
import { during, type Subject } from '../subject.ts';
import type { Row } from '../table.ts';

const ALONE = 15;
const TOGETHER = 30;
const TIMEOUT_MS = 120_000;
const GOAL_MS = 250;

export const REAL_PODS: Measurement = { name: 'pods with real containers', run };

interface Times {
  readonly aloneMs: readonly number[];
  readonly togetherMs: readonly number[];
}

async function run(bench: Bench): Promise<Row[]> {
  const obstacle = whyNot();
  if (obstacle !== undefined) return rowsOf({ coxswain: obstacle, upstream: obstacle });
  // The images and the store are made once, as on a machine where the product has run before.
  const directories = new Map<Subject, string>();
  const results = await alternate<Times>(bench, {
    name: 'pods with real containers',
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    async once(subject) {
      const directory = directories.get(subject) ?? bench.scope.temporaryDirectory();
      directories.set(subject, directory);
      const running = await subject.startWithNode({ scope: bench.scope, directory });
      return during(running, ({ client }) => measure(client));
    },
  });
  return rowsOf(results);
}

function whyNot(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  return process.getuid?.() === 0 ? undefined : 'needs root';
}

function rowsOf(results: Results<Times>): Row[] {
  return [
    rowOf(results, {
      what: `create to Running, one pod at a time (p50 of ${ALONE})`,
      unit: 'ms',
      goal: GOAL_MS,
      value: ({ aloneMs }) => quantile(aloneMs, 0.5),
    }),
    rowOf(results, {
      what: '  p90 of these',
      unit: 'ms',
      value: ({ aloneMs }) => quantile(aloneMs, 0.9),
    }),
    rowOf(results, {
      what: `create to Running, ${TOGETHER} pods at once (p50)`,
      unit: 'ms',
      value: ({ togetherMs }) => quantile(togetherMs, 0.5),
    }),
    rowOf(results, {
      what: '  the last of these',
      unit: 'ms',
      value: ({ togetherMs }) => Math.max(...togetherMs),
    }),
  ];
}

async function measure(client: RestClient): Promise<Times> {
  const pods = await PodWatch.open(client, 'app=bench');
  try {
    const aloneMs: number[] = [];
    for (let i = 0; i < ALONE; i++)
      aloneMs.push(...(await createAndWait(client, pods, [`alone-${i}`])));
    await deleteAll(client, pods, ALONE);
    const names = Array.from({ length: TOGETHER }, (_, i) => `together-${i}`);
    const togetherMs = await createAndWait(client, pods, names);
    await deleteAll(client, pods, TOGETHER);
    return { aloneMs, togetherMs };
  } finally {
    pods.close();
  }
}

/** How long each of these pods took, counted from the first request. */
async function createAndWait(
  client: RestClient,
  pods: PodWatch,
  names: readonly string[],
): Promise<number[]> {
  const all = pods.count('running') + names.length;
  const beganMs = performance.now();
  await Promise.all([
    pods.until('running', all, TIMEOUT_MS),
    ...names.map((name) => client.create(POD, podOf(name))),
  ]);
  return names.map((name) => (pods.momentOf('running', name) ?? Number.NaN) - beganMs);
}

/** So that the next pods meet the node as the first did. */
async function deleteAll(client: RestClient, pods: PodWatch, count: number): Promise<void> {
  const gone = pods.until('gone', count, TIMEOUT_MS);
  const selection = { namespace: NAMESPACE, labelSelector: 'app=bench' };
  await Promise.all([gone, client.deleteCollection(POD, selection, { gracePeriodSeconds: 1 })]);
  pods.reset();
}

/** The image that every node has: the one of the pods' sandboxes. It starts, and does nothing. */
function podOf(name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels: { app: 'bench' } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: SANDBOX_IMAGE, imagePullPolicy: 'Never' }],
    },
  };
}
