/** Creates on a slow disk: each fsync and fdatasync of either store takes longer by a fixed time. */
import { alternate, type Measurement, rowOf } from '../rounds.ts';
import type { Row } from '../table.ts';
import { type ApiBench, duringLoad } from './bench.ts';
import type { LoadResult } from './load.ts';

const DELAYS_MS = [1, 10] as const;
const CONNECTIONS = 16;
/** As many as before the creates on a quick disk. */
const WARM_UP = 1_000;
const CREATES = 1_500;
const GOAL = 2;

export const SLOW_DISK: Measurement<ApiBench> = { name: 'creates on a slow disk', run };

async function run(bench: ApiBench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const syncDelayMs of DELAYS_MS) {
    const results = await alternate<LoadResult, ApiBench['coxswain']>(bench, {
      name: `creates, ${syncDelayMs} ms more for each sync`,
      coxswain: bench.coxswain,
      upstream: bench.upstream,
      once: (subject) =>
        duringLoad(bench, subject, { syncDelayMs }, async ({ running, load }) => {
          const { target } = running;
          const creates = {
            ...({ kind: 'requests', request: 'create', encoding: 'json', target } as const),
            connections: CONNECTIONS,
          };
          await load.run({ ...creates, from: 0, pods: WARM_UP, count: WARM_UP });
          return load.run({ ...creates, from: WARM_UP, pods: CREATES, count: CREATES });
        }),
    });
    rows.push(
      rowOf(results, {
        what: `create, json, ${CONNECTIONS} at a time, each sync ${syncDelayMs} ms longer`,
        unit: '/s',
        ratioGoal: { atLeast: GOAL },
        value: ({ seconds }) => CREATES / seconds,
      }),
      rowOf(results, {
        what: '  p99',
        unit: 'ms',
        ratioGoal: { atMost: 1 },
        value: ({ p99Ms }) => p99Ms,
      }),
    );
  }
  return rows;
}
