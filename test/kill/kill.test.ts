/** The control plane under SIGKILL; `npm run kill -- --rounds 200` is the same, longer. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeFigures, runKillRounds } from './rounds.ts';

const ROUNDS = Number(process.env['COXSWAIN_KILL_ROUNDS'] ?? 5);

it(`the control plane loses no acknowledged write and reuses no resourceVersion under SIGKILL (${ROUNDS} rounds)`, async (t) => {
  const figures = await runKillRounds(ROUNDS);
  t.diagnostic(describeFigures(figures));
  assert.ok(figures.acknowledged > ROUNDS, 'every round writes something');
});
