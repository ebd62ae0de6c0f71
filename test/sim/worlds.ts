/**
 * The worlds that are run with the other tests, in halves: each half is a file of its own, so that two
 * processors have something to do. `COXSWAIN_SIM_SEEDS=100` runs more of them; `npm run sim -- --seed N`
 * one, in words.
 */
import { describe, it } from 'node:test';
import { simulate } from './simulation.ts';

const SEEDS = Number(process.env['COXSWAIN_SIM_SEEDS'] ?? 30);
/** In each such world answers are lost, too. */
const LOSSY_EVERY = 5;

/** Those of `seeds` 1, 3, 5, … or 2, 4, 6, … */
export function describeWorlds(first: 1 | 2): void {
  describe('simulation', () => {
    for (let seed = first; seed <= SEEDS; seed += 2) {
      it(`keeps its promises in the world of seed ${seed}`, () => simulate({ seed }));
      if (seed % LOSSY_EVERY === 0)
        it(`comes to the right end where answers are lost, seed ${seed}`, () =>
          simulate({ seed, lossy: true }));
    }
  });
}
