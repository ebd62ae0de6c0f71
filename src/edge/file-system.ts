/** The real `FileSystem` door. */
import { randomBytes } from 'node:crypto';
import { constants, type Stats, watch } from 'node:fs';
import {
  appendFile,
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FileStat, FileSystem } from '#base/doors.ts';

export function realFileSystem(): FileSystem {
  return {
    readFile: (path) => readFile(path),
    readText: (path) => readFile(path, 'utf8'),
    readAt,
    writeFileAtomic,
    async writeFile(path, data, options = {}) {
      if (options.append === true)
        await appendFile(path, data, options.mode === undefined ? {} : { mode: options.mode });
      else await writeFile(path, data, options.mode === undefined ? {} : { mode: options.mode });
    },
    async makeDirectory(path, mode) {
      await mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
    },
    makeDirectoriesWithin,
    readWithin,
    list: (path) => readdir(path),
    async stat(path, options = {}) {
      try {
        return fileStatOf(await (options.noFollow === true ? lstat(path) : stat(path)));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    rename,
    remove: removeTree,
    async removeDirectory(path) {
      try {
        await rmdir(path);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
    symlink: (target, path) => symlink(target, path),
    readLink: (path) => readlink(path),
    chmod,
    chown,
    truncate,
    async statFileSystem(path) {
      const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
      return {
        capacity: blocks * bsize,
        free: bfree * bsize,
        available: bavail * bsize,
        inodes: files,
        inodesFree: ffree,
      };
    },
    watch: watchPath,
  };
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function kindOf(stats: Stats): FileStat['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isSocket()) return 'socket';
  if (stats.isFIFO()) return 'fifo';
  return stats.isBlockDevice() ? 'block' : 'char';
}

function fileStatOf(stats: Stats): FileStat {
  return {
    kind: kindOf(stats),
    size: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    modifiedMs: stats.mtimeMs,
    inode: stats.ino,
    device: stats.dev,
  };
}

const DIRECTORY_ITSELF = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Each step starts at the open directory before it: a path would be walked anew, through links that
 * somebody has put there since.
 */
async function makeDirectoriesWithin(
  directory: string,
  parts: readonly string[],
  mode: number,
): Promise<void> {
  let at = await open(directory, DIRECTORY_ITSELF);
  try {
    for (const part of parts) {
      const path = `/proc/self/fd/${at.fd}/${part}`;
      const isNew = await mkdir(path, mode).then(
        () => true,
        (error: unknown) => {
          if (codeOf(error) === 'EEXIST') return false;
          throw error;
        },
      );
      const next = await open(path, DIRECTORY_ITSELF).catch((error: unknown) => {
        if (NO_DIRECTORY.includes(codeOf(error))) return undefined;
        throw error;
      });
      if (next === undefined) return;
      await at.close();
      at = next;
      // The umask has a say in what `mkdir` makes of the mode, not in this.
      if (isNew) await at.chmod(mode);
    }
  } finally {
    await at.close();
  }
}

/** Not opened but held: nothing happens to what is no file, and its place can be asked for. */
const HELD = 0o10000000;

async function readWithin(directory: string, path: string, bytesMax: number): Promise<Uint8Array> {
  const root = await realpath(directory);
  const held = await open(`${root}/${path}`, HELD);
  try {
    const itself = `/proc/self/fd/${held.fd}`;
    if (!(await readlink(itself)).startsWith(`${root}/`))
      throw new Error(`${path} leads out of ${directory}`);
    const stats = await held.stat();
    if (!stats.isFile()) throw new Error(`${path} is not a file`);
    if (stats.size > bytesMax) throw new Error(`${path} is longer than ${bytesMax} bytes`);
    return await readAt(itself, 0, stats.size);
  } finally {
    await held.close();
  }
}

/** A link, or something else, is there instead; or it has gone again. */
const NO_DIRECTORY: readonly string[] = ['ELOOP', 'ENOTDIR', 'ENOENT'];

async function readAt(path: string, position: number, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function writeFileAtomic(
  path: string,
  data: Uint8Array | string,
  mode = 0o644,
): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      // The umask has a say in what `open` makes of the mode, not in this.
      await file.chmod(mode);
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** The new name of a file is durable only when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Removes a tree, but never what is mounted in it: that is somebody's data. The device number does
 * not tell, for a bind mount has that of its source; the kernel's list of mounts does.
 */
async function removeTree(path: string): Promise<void> {
  let stats: Stats;
  try {
    stats = await lstat(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  if (stats.isDirectory()) {
    const mounted = await mountBelow(await realpath(path));
    if (mounted !== undefined) {
      const message = `Cannot remove "${path}": something is mounted on "${mounted}"`;
      throw Object.assign(new Error(message), { code: 'EBUSY' });
    }
  }
  await rm(path, { recursive: true, force: true });
}

/** A mount point at or below `path`. */
async function mountBelow(path: string): Promise<string | undefined> {
  let table: string;
  try {
    table = await readFile('/proc/self/mountinfo', 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const points = table.split('\n').map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
  return points.find((point) => point === path || point.startsWith(`${path}/`));
}

/** proc_pid_mountinfo(5): space, tab, newline and backslash are written as octal escapes. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Changes that come together are told once. */
const COALESCE_MS = 5;

function watchPath(path: string, changed: () => void): { close(): void } {
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(path, { persistent: false, recursive: true }, () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      changed();
    }, COALESCE_MS);
  });
  watcher.on('error', () => watcher.close());
  return {
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
