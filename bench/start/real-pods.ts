/**
 * Pods with real containers on a real node: from the request that creates one until the API shows
 * it Running, one at a time and many at once.
 */
import type { RestClient } from '#client/rest.ts';
import { quantile } from '../measure.ts';
import { PodWatch } from '../pods.ts';
import { onRealNodes } from '../real-node.ts';
import { createAndWait, deleteAll, REAL_PODS_SELECTOR } from '../real-pod.ts';
import { startCallsMs } from '../node/runtime-calls.ts';
import { type Bench, type Measurement, type Results, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';

export const ALONE = 15;
export const TOGETHER = 30;
const GOAL_MS = 250;
const BEYOND_GOAL_MS = 20;

export const REAL_PODS: Measurement = { name: 'pods with real containers', run };

interface Times {
  readonly aloneMs: readonly number[];
  /** Of these, what each took on average beyond the calls of its runtime. */
  readonly beyondMs: number;
  readonly togetherMs: readonly number[];
}

async function run(bench: Bench): Promise<Row[]> {
  const name = 'pods with real containers';
  return rowsOf(await onRealNodes<Times>(bench, { name, once: measure }));
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
      what: '  beyond the calls of the runtime (mean)',
      unit: 'ms',
      goal: BEYOND_GOAL_MS,
      value: ({ beyondMs }) => beyondMs,
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
  const pods = await PodWatch.open(client, REAL_PODS_SELECTOR);
  try {
    const aloneMs: number[] = [];
    // The first makes the metrics of these calls be there.
    await createAndWait(client, pods, ['first']);
    const callsBeforeMs = await startCallsMs(client);
    for (let i = 0; i < ALONE; i++)
      aloneMs.push(...(await createAndWait(client, pods, [`alone-${i}`])));
    const callsMs = (await startCallsMs(client)) - callsBeforeMs;
    const beyondMs = (sum(aloneMs) - callsMs) / ALONE;
    await deleteAll(client, pods, 1 + ALONE);
    const names = Array.from({ length: TOGETHER }, (_, i) => `together-${i}`);
    const togetherMs = await createAndWait(client, pods, names);
    await deleteAll(client, pods, TOGETHER);
    return { aloneMs, beyondMs, togetherMs };
  } finally {
    pods.close();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
