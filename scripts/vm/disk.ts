/**
 * The guest's disk: made once of Debian packages and kept in the user's cache, one at a time.
 *
 * The mirror and its key are those of this machine's configuration of apt; only the suite is
 * another one.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { userCacheFolder } from '#cli/images/cache.ts';
import { findMirror } from '../debian.ts';
import { diskRecipe, DISK_SIZE, SUITE } from './recipe.ts';

export interface Disk {
  readonly kernel: string;
  readonly initrd: string;
  readonly root: string;
}

/** Where disks are kept: `~/.cache/coxswain/vm`. */
export function cacheFolder(): string {
  return join(userCacheFolder(process.env), 'vm');
}

/**
 * The disk of this recipe, made when there is none (some two minutes, 300 MB from the mirror, 1 GB
 * kept); disks of older recipes are removed. Needs mmdebstrap and mke2fs.
 */
export function findDisk(): Disk {
  const { key, options, hook } = diskRecipe();
  const folder = cacheFolder();
  const kept = join(folder, key);
  const disk = {
    kernel: join(kept, 'kernel'),
    initrd: join(kept, 'initrd'),
    root: join(kept, 'root.ext4'),
  };
  if (existsSync(kept)) return disk;
  removeOlder(folder);
  // Others shall not run what is inside with the rights of root.
  const stage = join(folder, `${key}.stage`);
  mkdirSync(stage, { recursive: true, mode: 0o700 });
  const files = join(stage, 'files');
  const hookPath = join(stage, 'hook.sh');
  writeFileSync(hookPath, hook);
  chmodSync(hookPath, 0o755);
  const { uri, signedBy } = findMirror();
  const option = signedBy === undefined ? '' : `[signed-by=${signedBy}] `;
  try {
    run('mmdebstrap', [
      '--quiet',
      ...options,
      `--customize-hook=${hookPath}`,
      SUITE,
      files,
      `deb ${option}${uri} ${SUITE} main`,
    ]);
    const boot = readdirSync(join(files, 'boot'));
    for (const [prefix, name] of [
      ['vmlinuz-', 'kernel'],
      ['early', 'initrd'],
    ] as const) {
      const found = boot.find((file) => file.startsWith(prefix));
      if (found === undefined) throw new Error(`Cannot make the disk: no ${prefix}… in /boot`);
      renameSync(join(files, 'boot', found), join(stage, name));
    }
    run('mke2fs', ['-q', '-t', 'ext4', '-d', files, join(stage, 'root.ext4'), DISK_SIZE]);
    rmSync(files, { recursive: true });
    renameSync(stage, kept);
  } catch (error) {
    rmSync(stage, { recursive: true, force: true });
    throw error;
  }
  return disk;
}

function removeOlder(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder))
    if (!name.startsWith('packages-')) rmSync(join(folder, name), { recursive: true, force: true });
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}
