/**
 * Kills the control plane under load, again and again, and looks for what was lost.
 *
 *   npm run kill -- --rounds 200
 *   npm run kill -- --failovers 3     # of controller managers and schedulers, with upstream's times
 *   npm run kill -- --nodes 20        # of each process of a real node, 20 times; needs root
 *   npm run kill -- --nodes 20 --victim shim --pods 100 --seed 7
 *   npm run kill -- --chaos 600       # seconds in which pods and parts of three nodes die under load
 */
import { parseArgs } from 'node:util';
import { describeChaos, runChaos } from '../test/kill/chaos.ts';
import { describeFailovers, failovers } from '../test/kill/failover.ts';
import { runNodeKills, VICTIMS } from '../test/kill/node-kills.ts';
import { describeFigures, runKillRounds } from '../test/kill/rounds.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    failovers: { type: 'string' },
    nodes: { type: 'string' },
    chaos: { type: 'string' },
    victim: { type: 'string', multiple: true },
    pods: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
  },
});

/** Rounds between two lines of progress. */
const PROGRESS_EVERY = 20;

if (values.chaos !== undefined) await chaos(numberOf(values.chaos));
else if (values.nodes !== undefined) await killNodes(numberOf(values.nodes));
else if (values.failovers === undefined) await killControlPlane(numberOf(values.rounds));
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

async function killNodes(rounds: number): Promise<void> {
  const names = values.victim ?? VICTIMS;
  const victims = names.map((name) => {
    const victim = VICTIMS.find((each) => each === name);
    if (victim === undefined)
      throw new RangeError(`Cannot kill ${name}: there are ${VICTIMS.join(', ')}`);
    return victim;
  });
  await runNodeKills({
    victims,
    rounds,
    pods: numberOf(values.pods),
    seed: numberOf(values.seed),
    tell: (line) => process.stdout.write(`${line}\n`),
  });
}

/** Fails where fewer than 99.9 % are answered, or a failure is more than a second from a kill. */
async function chaos(seconds: number): Promise<void> {
  const tell = (line: string): unknown => process.stderr.write(`${line}\n`);
  const figures = await runChaos({ seconds, seed: numberOf(values.seed), tell });
  process.stdout.write(`${describeChaos(figures)}\n`);
  const { requests, failures } = figures;
  const isGood =
    failures.length <= requests / 1_000 && failures.every(({ afterMs }) => afterMs <= 1_000);
  process.exitCode = isGood ? 0 : 1;
}
