/**
 * Files of a volume that change all at once: readers see the old set or the new one, no mixture.
 *
 *   <volume>/key      -> ..data/key
 *   <volume>/..data   -> ..2026_11_21_05_36_00.123456789
 *   <volume>/..2026_11_21_05_36_00.123456789/key
 *
 * Upstream: pkg/volume/util/atomic_writer.go, v1.36: the names are its, because programs watch
 * for them.
 */
import type { FileSystem } from '#base/doors.ts';

export interface FileProjection {
  readonly data: Uint8Array;
  readonly mode: number;
  /** Owner, when it must be another than root. */
  readonly uid?: number;
}

/** By path below the volume; checked by `isSafePath`. */
export type Payload = ReadonlyMap<string, FileProjection>;

const DATA = '..data';
const DATA_NEW = '..data_tmp';
const DIRECTORY_MODE = 0o755;
const SET_NAME = /^\.\.[0-9]{4}_[0-9]{2}_/;

/** Relative, without `..` and not beginning with `..`. */
export function isSafePath(path: string): boolean {
  const parts = path.split('/');
  return path !== '' && !path.startsWith('/') && !path.startsWith('..') && !parts.includes('..');
}

export interface AtomicWriteOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly payload: Payload;
  /** Goes into the name of the new set. */
  readonly nowMs: number;
  /** Called on the new set before it is shown: sets ownership. */
  readonly prepare?: (directory: string) => Promise<void>;
}

/** True when something changed. */
export async function writeAtomically(options: AtomicWriteOptions): Promise<boolean> {
  const { fileSystem, directory, payload } = options;
  for (const path of payload.keys()) {
    if (!isSafePath(path)) throw new Error(`invalid path: ${path}`);
  }
  const old = await currentSet(fileSystem, directory);
  if (old !== undefined && (await isSame(fileSystem, `${directory}/${old}`, payload))) {
    await showFiles(options);
    return false;
  }
  const name = await writeSet(options);
  await fileSystem.remove(`${directory}/${DATA_NEW}`);
  await fileSystem.symlink(name, `${directory}/${DATA_NEW}`);
  await fileSystem.rename(`${directory}/${DATA_NEW}`, `${directory}/${DATA}`);
  await showFiles(options);
  await removeOldSets(fileSystem, directory, name);
  return true;
}

async function currentSet(fileSystem: FileSystem, directory: string): Promise<string | undefined> {
  const link = `${directory}/${DATA}`;
  const stat = await fileSystem.stat(link, { noFollow: true });
  return stat?.kind === 'symlink' ? fileSystem.readLink(link) : undefined;
}

async function isSame(
  fileSystem: FileSystem,
  directory: string,
  payload: Payload,
): Promise<boolean> {
  const present = await listFiles(fileSystem, directory, '');
  if (present.length !== payload.size) return false;
  for (const [path, projection] of payload) {
    if (!present.includes(path)) return false;
    const bytes = await fileSystem.readFile(`${directory}/${path}`);
    if (Buffer.compare(bytes, projection.data) !== 0) return false;
  }
  return true;
}

async function listFiles(
  fileSystem: FileSystem,
  directory: string,
  prefix: string,
): Promise<string[]> {
  const found: string[] = [];
  for (const name of await fileSystem.list(directory).catch(() => [])) {
    const stat = await fileSystem.stat(`${directory}/${name}`, { noFollow: true });
    const path = `${prefix}${name}`;
    if (stat?.kind !== 'directory') found.push(path);
    else found.push(...(await listFiles(fileSystem, `${directory}/${name}`, `${path}/`)));
  }
  return found;
}

async function writeSet(options: AtomicWriteOptions): Promise<string> {
  const { fileSystem, directory, payload, nowMs, prepare } = options;
  const name = await freeName(fileSystem, directory, nowMs);
  const set = `${directory}/${name}`;
  await makeOpenDirectory(fileSystem, set);
  for (const [path, { data, mode, uid }] of payload) {
    const file = `${set}/${path}`;
    const parents = path.split('/').slice(0, -1);
    for (let i = 1; i <= parents.length; i++) {
      await makeOpenDirectory(fileSystem, `${set}/${parents.slice(0, i).join('/')}`);
    }
    await fileSystem.writeFile(file, data, { mode: 0o600 });
    await fileSystem.chmod(file, mode);
    if (uid !== undefined) await fileSystem.chown(file, uid, -1);
  }
  await prepare?.(set);
  return name;
}

/** The mode must not depend on the umask of this process. */
async function makeOpenDirectory(fileSystem: FileSystem, path: string): Promise<void> {
  await fileSystem.makeDirectory(path, DIRECTORY_MODE);
  await fileSystem.chmod(path, DIRECTORY_MODE);
}

async function freeName(fileSystem: FileSystem, directory: string, nowMs: number): Promise<string> {
  const [date = '', time = ''] = new Date(nowMs).toISOString().replace('Z', '').split('T');
  const [clock = '', millis = ''] = time.split('.');
  const stem = `..${date.replaceAll('-', '_')}_${clock.replaceAll(':', '_')}.${millis}`;
  for (let i = 0; ; i++) {
    const name = `${stem}${String(i).padStart(6, '0')}`;
    if ((await fileSystem.stat(`${directory}/${name}`, { noFollow: true })) === undefined) {
      return name;
    }
  }
}

/** Links for the top-level names of the payload; links of names that are gone are removed. */
async function showFiles({ fileSystem, directory, payload }: AtomicWriteOptions): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? ''));
  for (const name of await fileSystem.list(directory)) {
    if (name.startsWith('..')) continue;
    if (!wanted.has(name)) await fileSystem.remove(`${directory}/${name}`);
    else wanted.delete(name);
  }
  for (const name of wanted) await fileSystem.symlink(`${DATA}/${name}`, `${directory}/${name}`);
}

async function removeOldSets(
  fileSystem: FileSystem,
  directory: string,
  current: string,
): Promise<void> {
  for (const name of await fileSystem.list(directory)) {
    if (SET_NAME.test(name) && name !== current) await fileSystem.remove(`${directory}/${name}`);
  }
}
