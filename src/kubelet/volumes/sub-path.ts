/**
 * A part of a volume for a container (`subPath`), so that the container cannot trick the node
 * into showing it something else.
 *
 * A container may change links in its volume while we look. So: resolve the links, refuse what
 * leads out, bind-mount the result to a place of our own, and then ask the kernel what was really
 * mounted: which part of which file system. Only that answer counts.
 * Upstream: pkg/volume/util/subpath/subpath_linux.go, v1.36.
 */
import type { FileSystem } from '#base/doors.ts';
import type { MountEntry, Mounter } from './mounts.ts';

const LINKS_MAX = 255;

export interface SubPathOptions {
  readonly fileSystem: FileSystem;
  readonly mounter: Mounter;
  /** Where the volume lies on the node. */
  readonly volumePath: string;
  readonly subPath: string;
  /** Place of our own that is mounted on; made when it is not there. */
  readonly target: string;
  /** What does not exist is made as a directory with the mode of the volume; files are not made. */
  readonly readOnlyVolume: boolean;
}

/** Gives `target`, on which the part is mounted. Rejects when the path leads out of the volume. */
export async function mountSubPath(options: SubPathOptions): Promise<string> {
  const { fileSystem, mounter, volumePath, subPath, target } = options;
  const volume = await resolvePath(fileSystem, volumePath);
  const wanted = `${volume}/${subPath}`;
  if (!options.readOnlyVolume) await makeMissing(fileSystem, volume, subPath);
  const source = await resolvePath(fileSystem, wanted);
  if (!isWithin(source, volume)) throw new Error(`subPath "${subPath}" leads out of the volume`);

  const mounts = await mounter.list();
  const expected = placeOf(mounts, source);
  const before = mountOf(mounts, target);
  if (before !== undefined) {
    if (isSamePlace(before, expected)) return target;
    await mounter.unmount(target);
  }
  await makeTarget(fileSystem, source, target);
  await mounter.bind(source, target);
  const mounted = mountOf(await mounter.list(), target);
  if (mounted === undefined || !isSamePlace(mounted, expected)) {
    if (mounted !== undefined) await mounter.unmount(target);
    throw new Error(`subPath "${subPath}" changed while it was mounted`);
  }
  return target;
}

/** A directory or file as the kernel names it, whatever path leads there. */
interface Place {
  readonly device: string;
  /** Within its file system. */
  readonly root: string;
}

function isSamePlace(one: Place, other: Place): boolean {
  return one.device === other.device && one.root === other.root;
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

function mountOf(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  return mounts.findLast((entry) => entry.path === path);
}

/** What a bind mount of `path` shows, when no part of it is a link: reckoned, not looked at. */
function placeOf(mounts: readonly MountEntry[], path: string): Place {
  let holder: MountEntry | undefined;
  for (const entry of mounts) {
    const longer = holder === undefined || entry.path.length >= holder.path.length;
    if (isWithin(path, entry.path) && longer) holder = entry;
  }
  if (holder === undefined) throw new Error(`nothing is mounted where "${path}" lies`);
  const { device, root } = holder;
  const rest = holder.path === '/' ? path : path.slice(holder.path.length);
  return { device, root: root === '/' ? rest || '/' : `${root}${rest}` };
}

/** Follows all links. Rejects with ENOENT when there is nothing. */
export async function resolvePath(fileSystem: FileSystem, path: string): Promise<string> {
  const pending = path.split('/').filter((part) => part !== '');
  let resolved = '';
  let links = 0;
  while (pending.length > 0) {
    const part = pending.shift();
    if (part === undefined || part === '.') continue;
    if (part === '..') {
      resolved = resolved.slice(0, Math.max(0, resolved.lastIndexOf('/')));
      continue;
    }
    const next = `${resolved}/${part}`;
    const stat = await fileSystem.stat(next, { noFollow: true });
    if (stat === undefined) {
      throw Object.assign(new Error(`no such file or directory: "${next}"`), { code: 'ENOENT' });
    }
    if (stat.kind !== 'symlink') {
      resolved = next;
      continue;
    }
    if (++links > LINKS_MAX) throw new Error(`too many links: "${path}"`);
    const target = await fileSystem.readLink(next);
    if (target.startsWith('/')) resolved = '';
    pending.unshift(...target.split('/').filter((step) => step !== ''));
  }
  return resolved === '' ? '/' : resolved;
}

/** Makes the directories that are missing, one by one, never through a link. */
async function makeMissing(fileSystem: FileSystem, volume: string, subPath: string): Promise<void> {
  const mode = (await fileSystem.stat(volume))?.mode ?? 0o755;
  const parts = subPath.split('/').filter((step) => step !== '' && step !== '.');
  await fileSystem.makeDirectoriesWithin(volume, parts, mode);
}

async function makeTarget(fileSystem: FileSystem, source: string, target: string): Promise<void> {
  const directory = (await fileSystem.stat(source))?.kind === 'directory';
  if (directory) return fileSystem.makeDirectory(target, 0o750);
  await fileSystem.makeDirectory(target.slice(0, target.lastIndexOf('/')), 0o750);
  if ((await fileSystem.stat(target)) === undefined) await fileSystem.writeFile(target, '');
}
