/**
 * Fuzzes the API server in this process, in virtual time, over a store in memory.
 *
 *   npm run fuzz -- --requests 100000 --seed 1     sequences of requests out of our own kinds
 *   npm run fuzz -- --hostile --requests 10000     bodies that mean harm
 *   npm run fuzz -- --against KUBECONFIG           what another server answers to one of each of these
 *
 * A world that breaks is repeated with fewer and fewer requests, and the fewest are printed. The same
 * seed makes the same requests.
 */
import { parseArgs } from 'node:util';
import { compareHostile } from '../test/fuzz/compare.ts';
import { fuzz } from '../test/fuzz/fuzz.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    hostile: { type: 'boolean', default: false },
    against: { type: 'string' },
  },
});

const PROGRESS_EVERY = 10_000;

function codesText(codes: ReadonlyMap<number, number>): string {
  const sorted = [...codes].toSorted(([left], [right]) => left - right);
  return sorted.map(([code, times]) => `${code}: ${times}`).join(', ');
}

async function main(): Promise<void> {
  const seed = Number(values.seed);
  if (values.against !== undefined) {
    const differences = await compareHostile(values.against, seed);
    for (const line of differences) console.log(line);
    process.exitCode = differences.length === 0 ? 0 : 1;
    return;
  }
  const broken = await fuzz({
    kind: values.hostile ? 'hostile' : 'stateful',
    seed,
    requests: Number(values.requests),
    boundsCpu: values.hostile,
    report: (text) => console.log(text),
    progress(done, codes) {
      if (done % PROGRESS_EVERY === 0) console.log(`${done} requests; ${codesText(codes)}`);
    },
  });
  console.log(`${values.requests} requests from seed ${seed}: ${broken} broken worlds`);
  process.exitCode = broken === 0 ? 0 : 1;
}

await main();
