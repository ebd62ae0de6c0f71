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
const ROOT = join(import.meta.dirname, '..');

/** What the first world that breaks says; undefined when none does. */
async function breakage(mutant: Mutant): Promise<string | undefined> {
  const { folder, remove } = copyWith(mutant, ROOT);
  try {
    const casts = mutant.casts.flatMap((cast) => ['--cast', cast]);
    const args = ['scripts/sim.ts', '--until-broken', '--seeds', values.seeds, ...casts];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => {
        said += data.toString();
      });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === 0) return undefined;
    const text = /^seed \d+: .*$/m.exec(said)?.[0];
    if (text === undefined) throw new Error(`The worlds of ${mutant.name} did not run:\n${said}`);
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
