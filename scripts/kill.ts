/**
 * Kills the control plane under load, again and again, and looks for what was lost.
 *
 *   npm run kill -- --rounds 200
 */
import { parseArgs } from 'node:util';
import { describeFigures, runKillRounds } from '../test/kill/rounds.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '200' } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new RangeError(`Cannot run ${values.rounds} rounds: give a number from 1 on`);

/** Rounds between two lines of progress. */
const PROGRESS_EVERY = 20;

const figures = await runKillRounds(rounds, (round, acknowledged) => {
  if (round % PROGRESS_EVERY === 0)
    process.stdout.write(`round ${round}: ${acknowledged} writes acknowledged so far\n`);
});
process.stdout.write(`${describeFigures(figures)}\n`);
