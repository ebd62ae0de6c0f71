/**
 * Gives a volume to the group that the pod names (`fsGroup`).
 *
 * Source: API reference v1.36, PodSecurityContext.fsGroup and fsGroupChangePolicy. Upstream:
 * pkg/volume/volume_linux.go.
 */
import type { FileSystem } from '#base/doors.ts';

const READ_WRITE = 0o660;
const READ_ONLY = 0o440;
const EXECUTE = 0o110;
const SET_GROUP_ID = 0o2000;

export interface OwnershipOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly group: number;
  readonly readOnly: boolean;
  /** `OnRootMismatch`: nothing to do when the top already belongs to the group. */
  readonly policy?: string;
}

export async function giveToGroup(options: OwnershipOptions): Promise<void> {
  const { fileSystem, directory, group, readOnly, policy } = options;
  if (policy === 'OnRootMismatch') {
    const top = await fileSystem.stat(directory);
    const wanted = READ_WRITE | EXECUTE | SET_GROUP_ID;
    if (top?.gid === group && (top.mode & wanted) === wanted) return;
  }
  await giveTree(fileSystem, directory, group, readOnly ? READ_ONLY : READ_WRITE);
}

async function giveTree(
  fileSystem: FileSystem,
  path: string,
  group: number,
  mask: number,
): Promise<void> {
  const stat = await fileSystem.stat(path, { noFollow: true });
  // A link has no mode of its own, and following it could lead out of the volume.
  if (stat === undefined || stat.kind === 'symlink') return;
  if (stat.kind === 'directory') {
    for (const name of await fileSystem.list(path)) {
      await giveTree(fileSystem, `${path}/${name}`, group, mask);
    }
  }
  const extra = stat.kind === 'directory' ? EXECUTE | SET_GROUP_ID : 0;
  await fileSystem.chown(path, -1, group);
  await fileSystem.chmod(path, (stat.mode & 0o7777) | mask | extra);
}
