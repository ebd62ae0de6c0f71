/**
 * Kills the control plane under load, again and again, and looks for what was lost.
 *
 *   npm run kill -- --rounds 200
 *   npm run kill -- --failovers 3     # of controller managers and schedulers, with upstream's times
 */
import { parseArgs } from 'node:util';
import { describeFailovers, failovers } from '../test/kill/failover.ts';
import { describeFigures, runKillRounds } from '../test/kill/rounds.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '200' }, failovers: { type: 'string' } },
});

/** Rounds between two lines of progress. */
const PROGRESS_EVERY = 20;

if (values.failovers === undefined) await killControlPlane(numberOf(values.rounds));
else await killLeaders(numberOf(values.failovers));

function numberOf(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new RangeError(`Cannot run ${text} rounds: give a number from 1 on`);
  return number;
}

async function killControlPlane(rounds: number): Promise<void> {
  const figures = await runKillRounds(rounds, (round, acknowledged) => {
    if (round % PROGRESS_EVERY === 0)
      process.stdout.write(`round ${round}: ${acknowledged} writes acknowledged so far\n`);
  });
  process.stdout.write(`${describeFigures(figures)}\n`);
}

async function killLeaders(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const ends: (() => unknown)[] = [];
    try {
      const found = await failovers({ after: (end) => void ends.push(end as () => unknown) });
      process.stdout.write(`${describeFailovers(found)}\n`);
    } finally {
      for (const end of ends.toReversed()) await end();
    }
  }
}
