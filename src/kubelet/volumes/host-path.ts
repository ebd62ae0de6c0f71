/**
 * hostPath volumes: a path of the node, of the kind that the pod expects.
 *
 * Source: API reference v1.36, HostPathVolumeSource. Upstream: pkg/volume/hostpath/host_path.go.
 */
import type { HostPathVolumeSource } from '#api/gen/core-v1.ts';
import type { FileStat, FileSystem } from '#base/doors.ts';

const KINDS: Record<string, { readonly kind: FileStat['kind']; readonly name: string }> = {
  Directory: { kind: 'directory', name: 'directory' },
  DirectoryOrCreate: { kind: 'directory', name: 'directory' },
  File: { kind: 'file', name: 'file' },
  FileOrCreate: { kind: 'file', name: 'file' },
  Socket: { kind: 'socket', name: 'socket file' },
  CharDevice: { kind: 'char', name: 'character device' },
  BlockDevice: { kind: 'block', name: 'block device' },
};

/** Gives the path; makes it where the type says so. Rejects with upstream's messages. */
export async function setUpHostPath(
  fileSystem: FileSystem,
  { path, type }: HostPathVolumeSource,
): Promise<string> {
  const expected = KINDS[type ?? ''];
  if (expected === undefined) return path;
  let stat = await fileSystem.stat(path);
  if (stat === undefined && type === 'DirectoryOrCreate') {
    await fileSystem.makeDirectory(path, 0o755);
    stat = await fileSystem.stat(path);
  }
  if (stat === undefined && type === 'FileOrCreate') {
    await fileSystem.writeFile(path, '', { mode: 0o644 });
    stat = await fileSystem.stat(path);
  }
  if (stat?.kind === expected.kind) return path;
  throw new Error(`hostPath type check failed: ${path} is not a ${expected.name}`);
}
