/**
 * `npm run test:containerd`: the tests with real containers on the newer containerd (2.1: events of
 * containers, `RuntimeConfig`, image volumes), beside this machine's own, which is left alone.
 *
 * Files given as arguments are tested instead of all; after `--`, a command runs instead of tests,
 * in a network of its own and with that containerd as `/usr/bin/containerd`. Needs root. First
 * `--or-skip`: where it cannot be had, that is said, and is no failure unless skips are.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { userCacheFolder } from '#cli/images/cache.ts';
import { messageOf } from '#cli/user-error.ts';
import { fetchPackages } from './debian.ts';
import { inOwnNetwork } from './tests/own-network.ts';

/** Has containerd 2.1, which runs with Debian 12's libraries and its runc. */
const SUITE = 'forky';
const PROGRAMS = ['containerd', 'containerd-shim-runc-v2', 'ctr'];

/** The folder of the programs, `~/.cache/coxswain/containerd-SUITE`: fetched when it is not there. */
function findPrograms(): string {
  const kept = join(userCacheFolder(process.env), `containerd-${SUITE}`);
  if (existsSync(kept)) return kept;
  const stage = `${kept}.stage`;
  rmSync(stage, { recursive: true, force: true });
  // Others shall not run what is inside with the rights of root.
  mkdirSync(join(stage, 'programs'), { recursive: true, mode: 0o700 });
  try {
    const unpacked = fetchPackages(stage, SUITE, ['containerd']);
    for (const name of PROGRAMS)
      renameSync(join(unpacked, 'usr/bin', name), join(stage, 'programs', name));
    renameSync(join(stage, 'programs'), kept);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return kept;
}

function needPrograms(): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Error('Cannot stand in for /usr/bin/containerd: that takes root on Linux');
  return findPrograms();
}

/** `given`: the command line. Answers the exit status. */
function main(given: readonly string[]): number {
  const maySkip = given[0] === '--or-skip' && process.env['COXSWAIN_SKIP_IS_FAILURE'] !== '1';
  const args = given[0] === '--or-skip' ? given.slice(1) : given;
  let programs: string;
  try {
    programs = needPrograms();
  } catch (error) {
    if (!maySkip) throw error;
    process.stdout.write(`skipped: containerd of ${SUITE}: ${messageOf(error)}\n`);
    return 0;
  }
  const files = args.length > 0 ? args : globSync('{src,test}/**/*.real.test.ts').sort();
  const [command = '', ...rest] =
    args[0] === '--'
      ? inOwnNetwork(args.slice(1), programs)
      : [
          process.execPath,
          join(import.meta.dirname, 'tests', 'main.ts'),
          '--own-network',
          '--programs',
          programs,
          ...files,
        ];
  const { status, error } = spawnSync(command, rest, { stdio: 'inherit' });
  if (error !== undefined) throw error;
  return status ?? 1;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
