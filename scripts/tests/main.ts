/**
 * Runs the files of tests that its arguments name, on all processors, many files to a process.
 * `--own-network`: each file in a process and a network of its own; with `--programs FOLDER` the
 * files of that folder stand there in the place of those of their names in `/usr/bin`.
 *
 * Of what passes a line is shown and the names of skipped tests; of what fails everything. Exits
 * with 1 when a test failed or a process ended badly.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { groupsOf } from './groups.ts';
import { inOwnNetwork } from './own-network.ts';
import { addCounts, type Counts, countsOf, NO_COUNTS, skippedIn } from './output.ts';

interface Ended {
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
}

interface Options {
  readonly ownNetwork: boolean;
  readonly programs: string;
}

const GROUP = join(import.meta.dirname, 'group.ts');

function runGroup(files: readonly string[], options: Options): Promise<Ended> {
  const beganMs = performance.now();
  const [only = ''] = files;
  const tests = files.length === 1 ? [only] : [GROUP, ...files];
  const line = [process.execPath, '--test-reporter=spec', ...tests];
  const [command = '', ...args] = options.ownNetwork ? inOwnNetwork(line, options.programs) : line;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const pieces: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    child.stderr.on('data', (piece: Buffer) => pieces.push(piece));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        ok: code === 0,
        output: Buffer.concat(pieces).toString(),
        seconds: (performance.now() - beganMs) / 1000,
      }),
    );
  });
}

function nameOf(files: readonly string[]): string {
  const [first = ''] = files;
  return files.length === 1 ? first : `${first} and ${files.length - 1} more files`;
}

async function main(files: readonly string[], options: Options): Promise<void> {
  const waiting = options.ownNetwork ? files.map((file) => [file]) : groupsOf(files);
  const failed: string[] = [];
  let counts: Counts = NO_COUNTS;
  const work = async (): Promise<void> => {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      const { ok, output, seconds } = await runGroup(group, options);
      const found = countsOf(output);
      counts = addCounts(counts, found ?? NO_COUNTS);
      const isGood = ok && found?.failed === 0;
      if (!isGood) failed.push(nameOf(group));
      const line = `${isGood ? '✔' : '✖'} ${nameOf(group)}: ${found?.tests ?? 'an end before the sums of the'} tests (${seconds.toFixed(1)} s)`;
      const more = isGood ? skippedIn(output) : [output];
      process.stdout.write([line, ...more, ''].join('\n'));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  process.stdout.write(
    `${counts.tests} tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`,
  );
  for (const name of failed) process.stdout.write(`✖ ${name}\n`);
  if (failed.length > 0) process.exitCode = 1;
}

const { values, positionals } = parseArgs({
  options: {
    'own-network': { type: 'boolean', default: false },
    programs: { type: 'string', default: '' },
  },
  allowPositionals: true,
});
await main(positionals, { ownNetwork: values['own-network'], programs: values.programs });
