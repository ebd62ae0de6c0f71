/**
 * A file system in memory: files, directories, sockets and links, which are not followed; no rights. A
 * watch tells of changes at once.
 */
import type { FileStat, FileSystem, FileSystemRoom } from '#base/doors.ts';

export class MemoryFileSystem implements FileSystem {
  readonly #files = new Map<string, Uint8Array>();
  readonly #directories = new Set<string>(['/']);
  /** By path of a socket, its inode. */
  readonly #sockets = new Map<string, number>();
  readonly #links = new Set<string>();
  #inodes = 0;
  readonly #watches = new Set<{ readonly path: string; readonly changed: () => void }>();
  /** By path: whoever reads it is refused with this. */
  readonly faults = new Map<string, Error>();
  /** Set: nothing can be watched, as on some network file systems. */
  cannotWatch = false;
  /** Of every file system that is asked for. */
  space: Omit<FileSystemRoom, 'free'> = {
    capacity: 100e9,
    available: 50e9,
    inodes: 1e6,
    inodesFree: 5e5,
  };

  readFile(path: string): Promise<Uint8Array> {
    const found = this.#files.get(path);
    const fault = this.faults.get(path) ?? (found === undefined ? missing(path) : undefined);
    return fault === undefined ? Promise.resolve(found ?? new Uint8Array()) : Promise.reject(fault);
  }

  async readText(path: string): Promise<string> {
    return Buffer.from(await this.readFile(path)).toString();
  }

  async readAt(path: string, position: number, length: number): Promise<Uint8Array> {
    return (await this.readFile(path)).subarray(position, position + length);
  }

  writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
    return this.writeFile(path, data);
  }

  async writeFile(path: string, data: Uint8Array | string): Promise<void> {
    await this.makeDirectory(parentOf(path));
    this.#files.set(path, Buffer.from(data));
    this.#sockets.delete(path);
    this.#links.delete(path);
    this.#tell(path);
  }

  /** As a program that listens does. */
  async makeSocket(path: string): Promise<void> {
    await this.makeDirectory(parentOf(path));
    this.#files.set(path, new Uint8Array());
    this.#sockets.set(path, ++this.#inodes);
    this.#tell(path);
  }

  makeDirectory(path: string): Promise<void> {
    for (let at = path; at !== '/' && at !== ''; at = parentOf(at)) this.#directories.add(at);
    return Promise.resolve();
  }

  makeDirectoriesWithin(directory: string, parts: readonly string[]): Promise<void> {
    return this.makeDirectory([directory, ...parts].join('/'));
  }

  readWithin(directory: string, path: string): Promise<Uint8Array> {
    return this.readFile(`${directory}/${path}`);
  }

  list(path: string): Promise<string[]> {
    const fault =
      this.faults.get(path) ?? (this.#directories.has(path) ? undefined : missing(path));
    if (fault !== undefined) return Promise.reject(fault);
    const below = [...this.#files.keys(), ...this.#directories].filter(
      (each) => each !== '/' && parentOf(each) === path,
    );
    return Promise.resolve(below.map((each) => each.slice(each.lastIndexOf('/') + 1)));
  }

  stat(path: string): Promise<FileStat | undefined> {
    const file = this.#files.get(path);
    if (file === undefined && !this.#directories.has(path)) return Promise.resolve(undefined);
    return Promise.resolve({
      kind: this.#kindOf(path),
      size: file?.length ?? 0,
      mode: 0o755,
      uid: 0,
      gid: 0,
      modifiedMs: 0,
      inode: this.#sockets.get(path) ?? 0,
      device: 0,
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.writeFile(to, await this.readFile(from));
    if (this.#links.has(from)) this.#links.add(to);
    await this.remove(from);
  }

  remove(path: string): Promise<void> {
    const isBelow = (each: string): boolean => each === path || each.startsWith(`${path}/`);
    for (const each of this.#files.keys()) if (isBelow(each)) this.#files.delete(each);
    for (const each of this.#sockets.keys()) if (isBelow(each)) this.#sockets.delete(each);
    for (const each of this.#links) if (isBelow(each)) this.#links.delete(each);
    for (const each of this.#directories) if (isBelow(each)) this.#directories.delete(each);
    this.#tell(path);
    return Promise.resolve();
  }

  removeDirectory(path: string): Promise<void> {
    const all = [...this.#files.keys(), ...this.#directories];
    if (all.some((each) => each.startsWith(`${path}/`)))
      return Promise.reject(Object.assign(new Error('not empty'), { code: 'ENOTEMPTY' }));
    return this.remove(path);
  }

  /** What is read through a link is not found: only the link itself is there. */
  async symlink(target: string, path: string): Promise<void> {
    await this.writeFile(path, target);
    this.#links.add(path);
  }

  readLink(path: string): Promise<string> {
    return this.#links.has(path) ? this.readText(path) : Promise.reject(missing(path));
  }

  chmod(): Promise<void> {
    return Promise.resolve();
  }

  chown(_path: string, _user: number, _group: number): Promise<void> {
    return Promise.resolve();
  }

  async truncate(path: string, size: number): Promise<void> {
    await this.writeFile(path, (await this.readFile(path)).subarray(0, size));
  }

  statFileSystem(): Promise<FileSystemRoom> {
    return Promise.resolve({ ...this.space, free: this.space.available });
  }

  watch(path: string, changed: () => void): { close(): void } {
    if (this.cannotWatch || !(this.#directories.has(path) || this.#files.has(path)))
      throw missing(path);
    const watch = { path, changed };
    this.#watches.add(watch);
    return { close: () => this.#watches.delete(watch) };
  }

  #kindOf(path: string): FileStat['kind'] {
    if (this.#links.has(path)) return 'symlink';
    if (this.#sockets.has(path)) return 'socket';
    return this.#files.has(path) ? 'file' : 'directory';
  }

  #tell(path: string): void {
    for (const watch of this.#watches)
      if (path === watch.path || path.startsWith(`${watch.path}/`)) watch.changed();
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), {
    code: 'ENOENT',
  });
}
