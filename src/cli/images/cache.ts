/**
 * Archives of images that this user has built, for all of the user's clusters: a new cluster takes
 * them from `~/.cache/coxswain/images`, and so starts sooner, and where no mirror of Debian is.
 *
 * The cache only helps: where it cannot be read or written, images are built.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The last one marks that all are there. */
const KINDS = ['tar', 'json'];

/** `$XDG_CACHE_HOME/coxswain`, or `~/.cache/coxswain`. */
export function userCacheFolder(environment: NodeJS.ProcessEnv): string {
  return join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'coxswain');
}

/** In the user's cache. */
export function imageCacheFolder(environment: NodeJS.ProcessEnv): string {
  return join(userCacheFolder(environment), 'images');
}

/** Puts the archive `name` of the cache into `folder`, where the cache has it. */
export function takeFromCache(cache: string, name: string, folder: string): void {
  if (KINDS.some((kind) => !existsSync(join(cache, `${name}.${kind}`)))) return;
  give(cache, name, folder);
}

/** Puts the archive `name` of `folder` into the cache; `removeOlder` makes room there before. */
export function giveToCache(
  folder: string,
  name: string,
  cache: string,
  removeOlder: (cache: string) => void,
): void {
  try {
    mkdirSync(cache, { recursive: true });
    // Who may write here decides what runs in containers.
    chmodSync(cache, 0o700);
    removeOlder(cache);
  } catch {
    return;
  }
  give(folder, name, cache);
}

function give(from: string, name: string, to: string): void {
  try {
    for (const kind of KINDS) place(join(from, `${name}.${kind}`), join(to, `${name}.${kind}`));
  } catch {
    for (const kind of KINDS) rmSync(join(to, `${name}.${kind}`), { force: true });
  }
}

/** The same file where the file system allows it: nobody writes into an archive, only beside it. */
function place(from: string, to: string): void {
  const beside = `${to}.${process.pid}.new`;
  try {
    rmSync(beside, { force: true });
    try {
      linkSync(from, beside);
    } catch {
      copyFileSync(from, beside, constants.COPYFILE_FICLONE);
    }
    renameSync(beside, to);
  } finally {
    rmSync(beside, { force: true });
  }
}
