/**
 * What takes long: on real nodes (needs root, Linux and kubectl), and, the last two, on a control
 * plane alone (needs neither).
 *
 *   npm run soak -- --leaks 20     # rounds: 100 pods on two nodes come and go, nothing may grow
 *   npm run soak -- --density      # 110 pods on one node, and one more
 *   npm run soak -- --cut-off      # a node whose cable is pulled; seven minutes
 *   npm run soak -- --both-families   # clusters of IPv4 and IPv6, either first
 *   npm run soak -- --flood        # 500 lists at a time by one client, and how another fares
 *   npm run soak -- --idle-connections 15000
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runCutOff } from '../test/soak/cut-off.ts';
import { runDensity } from '../test/soak/density.ts';
import { FLOOD_GOAL, runFlood } from '../test/soak/flood.ts';
import { IDLE_GOAL, runIdleConnections } from '../test/soak/idle-connections.ts';
import { growthOf, WARM_ROUNDS } from '../test/soak/growth.ts';
import { runLeakRounds } from '../test/soak/leaks.ts';

const PODS = '100';
const LISTS = '500';
const SECONDS = '30';
const FLOOD = { objects: 5_000, nodes: 20 };
const BOTH_FAMILIES = [
  'test/e2e/dual-stack.real.test.ts',
  'test/soak/dual-stack-pods.suite.ts',
  'test/e2e/join-both-families.real.test.ts',
];
const OWN_NETWORK = ['test/soak/own-network.suite.ts'];

const { values } = parseArgs({
  options: {
    leaks: { type: 'string' },
    pods: { type: 'string', default: PODS },
    density: { type: 'boolean', default: false },
    'cut-off': { type: 'boolean', default: false },
    'both-families': { type: 'boolean', default: false },
    'own-network': { type: 'boolean', default: false },
    flood: { type: 'boolean', default: false },
    'idle-connections': { type: 'string' },
    lists: { type: 'string', default: LISTS },
    seconds: { type: 'string', default: SECONDS },
  },
});

if (values.density) await runDensity(tell);
if (values['cut-off']) await runCutOff(tell);
if (values['both-families']) runTests(BOTH_FAMILIES);
if (values['own-network']) runTests(OWN_NETWORK);
if (values['idle-connections'] !== undefined) await idle(Number(values['idle-connections']));
if (values.flood) await flood(Number(values.lists), Number(values.seconds));
if (values.leaks !== undefined) await leaks(Number(values.leaks), Number(values.pods));
if (Object.values(values).every((value) => [false, PODS, LISTS, SECONDS].includes(value)))
  throw new RangeError(
    'Nothing to do: give --leaks ROUNDS, --density, --cut-off, --both-families, --own-network, --flood, --idle-connections COUNT',
  );

/** One after the other: each has a cluster. */
function runTests(files: readonly string[]): void {
  const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=1', ...files], {
    stdio: 'inherit',
    env: { ...process.env, COXSWAIN_SOAK: '1' },
  });
  if (status !== 0) process.exitCode = 1;
}

async function idle(count: number): Promise<void> {
  if (!(count > 0)) throw new RangeError('Cannot open no connections: give a number from 1 on');
  const { opened, kilobytesEach, during } = await runIdleConnections(count, tell);
  // Those that say nothing are ended after half a minute, maybe before the last is open.
  const isGood =
    opened > count / 2 && during.p99 < IDLE_GOAL.p99Ms && kilobytesEach < IDLE_GOAL.kilobytesEach;
  if (!isGood) process.exitCode = 1;
}

async function flood(lists: number, seconds: number): Promise<void> {
  const { during, leaseGapMs } = await runFlood({ ...FLOOD, lists, seconds, tell });
  const isGood =
    during.every(({ p99, count }) => count > 0 && p99 < FLOOD_GOAL.p99Ms) &&
    leaseGapMs < FLOOD_GOAL.leaseGapMs;
  if (!isGood) process.exitCode = 1;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function leaks(rounds: number, pods: number): Promise<void> {
  if (!(rounds > WARM_ROUNDS) || !(pods > 0))
    throw new RangeError(`Cannot tell growth: give more than ${WARM_ROUNDS} rounds, and pods`);
  const counts = await runLeakRounds({ rounds, pods, tell });
  for (const name of counts.at(-1)?.keys() ?? []) {
    const values = counts.map((each) => Math.round(each.get(name) ?? 0));
    tell(`${name}: ${values.join(' ')}`);
  }
  const grown = growthOf(counts);
  for (const { name, before, after } of grown) tell(`GROWN: ${name}: ${before} to ${after}`);
  if (grown.length > 0) process.exitCode = 1;
  else tell('nothing has grown');
}
