/** What a control plane uses while nobody asks anything of it. */
import { usageOf } from '../measure.ts';
import { alternate, type Bench, type Measurement, rowOf } from '../rounds.ts';
import { during } from '../subject.ts';
import type { Row } from '../table.ts';
import { sleep } from '../wait.ts';

const SETTLE_MS = 20_000;
const MEASURE_MS = 20_000;
const GOAL_MEGABYTES = 180;
const GOAL_PERCENT = 1;

export const IDLE: Measurement = { name: 'idle', run };

async function run(bench: Bench): Promise<Row[]> {
  const results = await alternate(bench, {
    name: 'idle',
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    async once(subject) {
      const { scope } = bench;
      const directory = scope.temporaryDirectory();
      return during(await subject.start({ scope, directory }), async ({ pids }) => {
        await sleep(SETTLE_MS);
        const before = usageOf(pids);
        const beganMs = performance.now();
        await sleep(MEASURE_MS);
        const { megabytes, cpuSeconds } = usageOf(pids);
        const seconds = (performance.now() - beganMs) / 1000;
        return { megabytes, percent: ((cpuSeconds - before.cpuSeconds) / seconds) * 100 };
      });
    },
  });
  return [
    rowOf(results, {
      what: 'idle: memory',
      unit: 'MB',
      goal: GOAL_MEGABYTES,
      value: ({ megabytes }) => megabytes,
    }),
    rowOf(results, {
      what: 'idle: processor',
      unit: '% of a core',
      goal: GOAL_PERCENT,
      value: ({ percent }) => percent,
    }),
  ];
}
