/** Seeded worlds. `COXSWAIN_SIM_SEEDS=200` runs more of them; `npm run sim -- --seed N` one, in words. */
import { describe, it } from 'node:test';
import { simulate } from './simulation.ts';

const SEEDS = Number(process.env['COXSWAIN_SIM_SEEDS'] ?? 30);

describe('simulation', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`keeps its promises in the world of seed ${seed}`, () => simulate({ seed }));
    if (seed % 5 === 0) {
      it(`comes to the right end where answers are lost, seed ${seed}`, () =>
        simulate({ seed, lossy: true }));
    }
  }
});
