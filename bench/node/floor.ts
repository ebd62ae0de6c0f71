/** What a client of the container runtime needs that does nothing but start pods. */
import { quantile } from '../measure.ts';
import { whyNoRealPods } from '../real-pod.ts';
import type { Bench, Measurement, Results } from '../rounds.ts';
import { rowOf } from '../rounds.ts';
import { ALONE, TOGETHER } from '../start/real-pods.ts';
import type { Row } from '../table.ts';
import { type FloorTimes, measureFloor } from './bare-client.ts';

export const FLOOR: Measurement = { name: 'floor: a bare CRI client', run };

async function run(bench: Bench): Promise<Row[]> {
  const obstacle = whyNoRealPods();
  if (obstacle !== undefined) return rowsOf({ coxswain: obstacle, upstream: '–' });
  const directory = bench.scope.temporaryDirectory();
  const rounds: FloorTimes[] = [];
  for (let round = 1; round <= bench.rounds; round++) {
    bench.say(`floor: a bare CRI client, round ${round} of ${bench.rounds}`);
    const counts = { alone: ALONE, together: TOGETHER };
    rounds.push(await measureFloor(bench.scope, directory, counts));
  }
  return rowsOf({ coxswain: rounds, upstream: '–' });
}

function rowsOf(results: Results<FloorTimes>): Row[] {
  const row = (what: string, value: (times: FloorTimes) => number): Row =>
    rowOf(results, { what, unit: 'ms', value });
  return [
    row(`floor: a bare CRI client, one pod at a time (p50 of ${ALONE})`, ({ aloneMs }) =>
      quantile(aloneMs, 0.5),
    ),
    row('  p90 of these', ({ aloneMs }) => quantile(aloneMs, 0.9)),
    row(`floor: ${TOGETHER} pods at once, the last of these`, ({ togetherMs }) =>
      Math.max(...togetherMs),
    ),
  ];
}
