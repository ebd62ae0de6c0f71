/** `npm run conformance`: upstream's conformance suite against any cluster. */
import { parseArgs } from 'node:util';
import { build } from './build.ts';
import { say } from './command.ts';
import { folders } from './folders.ts';
import { assembleImages } from './images/assemble.ts';
import { loadImages } from './images/load.ts';
import { readResults } from './junit.ts';
import { showReport } from './report.ts';
import { run } from './run.ts';
import { parseSelection, USAGE } from './selection.ts';

const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

async function images(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { address: { type: 'string', multiple: true, default: [CONTAINERD_SOCKET] } },
  });
  const at = folders();
  build(at);
  assembleImages(at);
  if (positionals[0] === 'load')
    for (const address of values.address) loadImages(at.imageArchive, address);
}

/** Answers the exit status. */
async function main(words: readonly string[]): Promise<number> {
  if (words.includes('--help') || words.includes('-h')) {
    say(USAGE);
    return 0;
  }
  const [command = '', ...rest] = words[0]?.startsWith('-') === false ? words : ['run', ...words];
  if (command === 'run') return (await run(parseSelection(rest), folders())) ? 0 : 1;
  if (command === 'build') build(folders());
  else if (command === 'images') await images(rest);
  else if (command === 'report' && rest[0] !== undefined)
    showReport(readResults(rest[0]), folders());
  else throw new Error(`Cannot ${words.join(' ')}: see --help`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`conformance: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
