/**
 * Runs simulated worlds and says what happens in them.
 *
 *   npm run sim -- --seed 123         one world, in words
 *   npm run sim -- --seed 123 --trace …and with every change of its Deployments and Pods
 *   npm run sim -- --seeds 1000       many, only what is broken
 *   npm run sim -- --from 5000 --seeds 100
 *   npm run sim -- --lossy            answers are lost too; only the end is judged
 *   npm run sim -- --until-broken     up to the first that is broken
 *   npm run sim -- --cast jobs        only worlds of this workload; may be given again
 *   npm run sim -- --nodes 200        of this many nodes; the seed decides unless given
 *
 * A count ends with the digest of the sources that the worlds were made of. Ctrl-C lets the world
 * under way end, and says how many there were; a second one ends at once.
 */
import { parseArgs } from 'node:util';
import { simulate } from '../test/sim/simulation.ts';
import { digestOfSources } from '../test/sim/sources.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    episodes: { type: 'string' },
    nodes: { type: 'string' },
    trace: { type: 'boolean', default: false },
    lossy: { type: 'boolean', default: false },
    cast: { type: 'string', multiple: true },
    'until-broken': { type: 'boolean', default: false },
  },
});

const episodes = values.episodes === undefined ? {} : { episodes: Number(values.episodes) };
const nodes = values.nodes === undefined ? {} : { nodes: Number(values.nodes) };

/** Whether the world of `seed` kept its promises. */
async function world(seed: number, tell?: (text: string) => void): Promise<boolean> {
  try {
    const trace = values.trace ? { trace: (text: string) => console.log(text) } : {};
    await simulate({
      seed,
      lossy: values.lossy,
      ...episodes,
      ...nodes,
      ...(values.cast === undefined ? {} : { casts: values.cast }),
      ...trace,
      ...(tell === undefined ? {} : { tell }),
    });
    return true;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    // What a world itself found says so already.
    console.error(text.startsWith('seed ') ? text : `seed ${seed}: ${text}`);
    return false;
  }
}

if (values.seed !== undefined) {
  const kept = await world(Number(values.seed), (text) => console.log(text));
  if (kept) console.log(`seed ${values.seed}: every promise was kept`);
  process.exitCode = kept ? 0 : 1;
} else {
  const from = Number(values.from);
  const count = Number(values.seeds);
  // Before the first world: they are what has been loaded.
  const digest = digestOfSources();
  let broken = 0;
  const seconds: number[] = [];
  let isStopped = false;
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => {
      isStopped = true;
    });
  for (let seed = from; seed < from + count; seed++) {
    const startMs = performance.now();
    if (!(await world(seed))) broken++;
    seconds.push((performance.now() - startMs) / 1000);
    if (isStopped || (values['until-broken'] && broken > 0)) break;
  }
  const [median = 0, slowest = 0] = [0.5, 1].map((part) =>
    seconds.sort((a, b) => a - b).at(Math.ceil(part * seconds.length) - 1),
  );
  const times = `${median.toFixed(1)} s each in the median, ${slowest.toFixed(1)} s at most`;
  const sources = `of the sources ${digest}`;
  console.log(`${seconds.length} worlds from seed ${from}: ${broken} broken; ${times}; ${sources}`);
  process.exitCode = broken === 0 ? 0 : 1;
}
