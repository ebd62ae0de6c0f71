/**
 * Shows that the simulation finds faults: puts each one that upstream's controllers once had into a
 * copy of the sources, and runs worlds until one of them breaks.
 *
 *   npm run mutants                        # all of them, up to 1,000 worlds each
 *   npm run mutants -- --only NAME --seeds 200
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { copyWith } from '../test/sim/mutants/apply.ts';
import { MUTANTS } from '../test/sim/mutants/list.ts';
import type { Mutant } from '../test/sim/mutants/mutant.ts';

const { values } = parseArgs({
  options: { only: { type: 'string' }, seeds: { type: 'string', default: '1000' } },
});
/** Few, for none of these faults needs many and worlds of many are slow. */
const NODES = '3';
const ROOT = join(import.meta.dirname, '..');

/** Runs worlds that look for the mutant, on the sources in `folder`: how it ended, and what it said. */
async function worlds(
  mutant: Mutant,
  folder: string,
  which: readonly string[],
): Promise<{ readonly isWhole: boolean; readonly said: string }> {
  const casts = mutant.casts.flatMap((cast) => ['--cast', cast]);
  const args = ['scripts/sim.ts', '--nodes', NODES, ...casts, ...which];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      said += data.toString();
    });
  const [code] = (await once(child, 'close')) as [number | null];
  return { isWhole: code === 0, said };
}

/** What the first world that breaks says; undefined when none does. */
async function breakage(mutant: Mutant): Promise<string | undefined> {
  const { folder, remove } = copyWith(mutant, ROOT);
  try {
    const which = ['--until-broken', '--seeds', values.seeds];
    const { isWhole, said } = await worlds(mutant, folder, which);
    if (isWhole) return undefined;
    const [text, seed] = /^seed (\d+): .*$/m.exec(said) ?? [];
    if (text === undefined || seed === undefined)
      throw new Error(`The worlds of ${mutant.name} did not run:\n${said}`);
    const without = await worlds(mutant, ROOT, ['--seed', seed]);
    if (!without.isWhole) throw new Error(`Without ${mutant.name} too:\n${text}`);
    return text;
  } finally {
    remove();
  }
}

let missed = 0;
for (const mutant of MUTANTS) {
  if (values.only !== undefined && values.only !== mutant.name) continue;
  const text = await breakage(mutant);
  if (text === undefined) missed++;
  console.log(`${text === undefined ? 'NOT FOUND' : 'found'}  ${mutant.name} (${mutant.report})`);
  if (text !== undefined) console.log(`       ${text.slice(0, 200)}`);
}
process.exitCode = missed === 0 ? 0 : 1;
