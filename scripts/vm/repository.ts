/**
 * The repository and its packages as disks for the guest. It has a copy of its own, and writes to
 * it what it likes: nothing of that comes back.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** What tests run with; tools, documents and history stay here. */
const PARTS = ['bin', 'src', 'test', 'scripts', 'examples', 'docs', 'package.json', 'layers.ts'];
const MORE_PARTS = ['package-lock.json', 'README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'];
/** Of the packages, those that tools alone need. */
const TOOLS =
  /\/node_modules\/(?:@biomejs|@typescript|@oxlint|@oxlint-tsgolint|@oxc-[^/]*|oxc-[^/]*|typescript|knip)(?:\/|$)/;
/** Room for what is written beside the files. */
const SPARE_MIB = 64;

/** Writes `<folder>/repository.ext4`, with `command` (a shell's script) as `vm-command.sh` in it. */
export function packRepository(root: string, folder: string, command: string): string {
  const stage = join(folder, 'repository');
  for (const part of [...PARTS, ...MORE_PARTS])
    cpSync(join(root, part), join(stage, part), { recursive: true });
  mkdirSync(join(stage, 'node_modules'));
  writeFileSync(join(stage, 'vm-command.sh'), command);
  const path = join(folder, 'repository.ext4');
  makeDisk(stage, path);
  rmSync(stage, { recursive: true });
  return path;
}

/** `<cache>/packages-<lockfile>.ext4`: made when it is not there. */
export function packPackages(root: string, cache: string): string {
  const lockfile = readFileSync(join(root, 'package-lock.json'));
  const key = createHash('sha256').update(lockfile).digest('hex').slice(0, 12);
  const path = join(cache, `packages-${key}.ext4`);
  if (existsSync(path)) return path;
  // It may be a link to packages that several clones share.
  const modules = realpathSync(join(root, 'node_modules'));
  const stage = `${path}.stage`;
  rmSync(stage, { recursive: true, force: true });
  cpSync(modules, stage, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !TOOLS.test(source),
  });
  makeDisk(stage, `${path}.new`);
  rmSync(stage, { recursive: true });
  renameSync(`${path}.new`, path);
  return path;
}

function makeDisk(files: string, path: string): void {
  const kibibytes = Number(execFileSync('du', ['-sk', files]).toString().split('\t')[0]);
  const size = `${Math.ceil((kibibytes * 1.1) / 1024) + SPARE_MIB}M`;
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', files, path, size]);
}
