/**
 * What takes long on real nodes. Needs root, Linux and kubectl.
 *
 *   npm run soak -- --leaks 20     # rounds: 100 pods on two nodes come and go, nothing may grow
 *   npm run soak -- --density      # 110 pods on one node, and one more
 *   npm run soak -- --cut-off      # a node whose cable is pulled; seven minutes
 *   npm run soak -- --both-families   # clusters of IPv4 and IPv6, either first
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runCutOff } from '../test/soak/cut-off.ts';
import { runDensity } from '../test/soak/density.ts';
import { growthOf, WARM_ROUNDS } from '../test/soak/growth.ts';
import { runLeakRounds } from '../test/soak/leaks.ts';

const PODS = '100';
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
  },
});

if (values.density) await runDensity(tell);
if (values['cut-off']) await runCutOff(tell);
if (values['both-families']) runTests(BOTH_FAMILIES);
if (values['own-network']) runTests(OWN_NETWORK);
if (values.leaks !== undefined) await leaks(Number(values.leaks), Number(values.pods));
if (Object.values(values).every((value) => value === false || value === PODS))
  throw new RangeError(
    'Nothing to do: give --leaks ROUNDS, --density, --cut-off, --both-families, --own-network',
  );

/** One after the other: each has a cluster. */
function runTests(files: readonly string[]): void {
  const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=1', ...files], {
    stdio: 'inherit',
    env: { ...process.env, COXSWAIN_SOAK: '1' },
  });
  if (status !== 0) process.exitCode = 1;
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
