/** From nothing to a control plane that is ready: with compiled code at hand, and without. */
import { alternate, type Bench, type Measurement, rowOf } from '../rounds.ts';
import type { StartOptions, Subject } from '../subject.ts';
import type { Row } from '../table.ts';

const GOAL_MS = 800;

export const COLD_START: Measurement = { name: 'cold start', run };

async function run(bench: Bench): Promise<Row[]> {
  const once =
    (more: Partial<StartOptions>) =>
    async (subject: Subject): Promise<number> => {
      const directory = bench.scope.temporaryDirectory();
      const running = await subject.start({ scope: bench.scope, directory, ...more });
      await running.stop();
      return running.readyMs;
    };
  const warm = await alternate(bench, {
    name: 'cold start',
    coxswain: bench.coxswain,
    upstream: bench.upstream?.subject,
    once: once({}),
  });
  const cold = await alternate(bench, {
    name: 'cold start, nothing compiled',
    coxswain: bench.coxswain,
    once: once({ isCodeCold: true }),
  });
  const value = (readyMs: number): number => readyMs;
  return [
    rowOf(warm, { what: 'cold start, empty data directory', unit: 'ms', goal: GOAL_MS, value }),
    rowOf(cold, { what: 'cold start, empty compile cache too', unit: 'ms', value }),
  ];
}
