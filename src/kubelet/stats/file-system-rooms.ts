/** Room on file systems, and what the runtime says of those that are its own. */
import type { FilesystemUsage } from '#api/gen/cri-v1.ts';
import type { FileSystem, FileSystemRoom } from '#base/doors.ts';
import type { DiskLook } from './looks.ts';

const NANOS_PER_MS = 1_000_000;

/** Asks for each file system once. */
export class FileSystemRooms {
  readonly #fileSystem: Pick<FileSystem, 'statFileSystem'>;
  readonly #rooms = new Map<string, Promise<FileSystemRoom | undefined>>();

  constructor(fileSystem: Pick<FileSystem, 'statFileSystem'>) {
    this.#fileSystem = fileSystem;
  }

  /** Undefined: there is nothing at that path. */
  of(path: string): Promise<FileSystemRoom | undefined> {
    const known = this.#rooms.get(path);
    if (known !== undefined) return known;
    const room = this.#fileSystem.statFileSystem(path).catch(() => undefined);
    this.#rooms.set(path, room);
    return room;
  }
}

/** Undefined where the runtime does not say, or says a place that is not there. */
export async function diskLook(
  usage: FilesystemUsage | undefined,
  rooms: FileSystemRooms,
): Promise<DiskLook | undefined> {
  const mountpoint = usage?.fsId?.mountpoint ?? '';
  const room = mountpoint === '' ? undefined : await rooms.of(mountpoint);
  if (usage === undefined || room === undefined) return undefined;
  return {
    timeMs: Math.floor((usage.timestamp ?? 0) / NANOS_PER_MS),
    room,
    mountpoint,
    usedBytes: usage.usedBytes?.value,
    inodesUsed: usage.inodesUsed?.value,
  };
}
