/** The real `FileSystem` door. */
import { randomBytes } from 'node:crypto';
import { type Stats, watch } from 'node:fs';
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
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  symlink,
  truncate,
  unlink,
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
    symlink: (target, path) => symlink(target, path),
    readLink: (path) => readlink(path),
    chmod,
    chown,
    truncate,
    async statFileSystem(path) {
      const { bsize, blocks, bavail, files, ffree } = await statfs(path);
      return {
        capacity: blocks * bsize,
        available: bavail * bsize,
        inodes: files,
        inodesFree: ffree,
      };
    },
    watch: watchPath,
  };
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function fileStatOf(stats: Stats): FileStat {
  const kind = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'symlink'
        : stats.isSocket()
          ? 'socket'
          : stats.isFIFO()
            ? 'fifo'
            : stats.isBlockDevice()
              ? 'block'
              : 'char';
  return {
    kind,
    size: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    modifiedMs: stats.mtimeMs,
    inode: stats.ino,
    device: stats.dev,
  };
}

async function readAt(path: string, position: number, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
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
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** Removes a tree, but never what is mounted in it: that is somebody's data. */
async function removeTree(path: string): Promise<void> {
  let stats: Stats;
  try {
    stats = await lstat(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  if (!stats.isDirectory()) {
    await rm(path, { force: true });
    return;
  }
  await emptyDirectory(path, stats.dev);
  await rmdir(path);
}

async function emptyDirectory(path: string, device: number): Promise<void> {
  for (const name of await readdir(path)) {
    const child = join(path, name);
    const stats = await lstat(child);
    if (stats.dev !== device)
      throw Object.assign(new Error(`Cannot remove "${child}": something is mounted there`), {
        code: 'EBUSY',
      });
    if (stats.isDirectory()) {
      await emptyDirectory(child, device);
      await rmdir(child);
    } else await unlink(child);
  }
}

/** Changes that come together are told once. */
const COALESCE_MS = 5;

function watchPath(path: string, changed: () => void): { close(): void } {
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(path, { persistent: false }, () => {
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
