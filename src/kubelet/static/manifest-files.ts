/**
 * The files that may hold manifests: those of a directory, or one file.
 *
 * Names that begin with a dot are passed over, directories are not gone into. Upstream:
 * pkg/kubelet/config/file.go (extractFromDir) and common.go (maxConfigLength), v1.36.
 */
import type { FileSystem } from '#base/doors.ts';
import { messageOf } from '#base/error.ts';

const FILE_BYTES_MAX = 10 * 2 ** 20;
/** More files than this are not read: a node has no room for so many pods. */
const FILES_MAX = 1000;

/** A file as it is now: its bytes, or why it cannot be read. */
export interface ManifestFile {
  readonly path: string;
  readonly content: Uint8Array | Error;
}

export interface ManifestFiles {
  readonly files: readonly ManifestFile[];
  /** What is wrong with the whole, for people; undefined: nothing. */
  readonly problem?: string;
}

/** In the order of their names. Rejects when it cannot be told what is there. */
export async function readManifestFiles(
  fileSystem: FileSystem,
  path: string,
): Promise<ManifestFiles> {
  const stat = await fileSystem.stat(path);
  if (stat === undefined) return { files: [], problem: 'path does not exist, ignoring' };
  if (stat.kind === 'file') return { files: await readAll(fileSystem, [path]) };
  if (stat.kind !== 'directory') throw new Error('path is not a directory or file');
  const names = (await fileSystem.list(path)).filter((name) => !name.startsWith('.')).toSorted();
  const files = await readAll(
    fileSystem,
    names.slice(0, FILES_MAX).map((name) => `${path}/${name}`),
  );
  if (names.length <= FILES_MAX) return { files };
  return { files, problem: `only the first ${FILES_MAX} of ${names.length} files are read` };
}

async function readAll(fileSystem: FileSystem, paths: readonly string[]): Promise<ManifestFile[]> {
  const files: ManifestFile[] = [];
  for (const path of paths) {
    const content = await readOne(fileSystem, path).catch((error: unknown) => asError(error));
    if (content !== undefined) files.push({ path, content });
  }
  return files;
}

/** Undefined: it is gone, or a directory. */
async function readOne(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  const stat = await fileSystem.stat(path);
  if (stat === undefined || stat.kind === 'directory') return undefined;
  if (stat.kind !== 'file') throw new Error(`it is not a directory or file: ${stat.kind}`);
  const bytes = await fileSystem.readAt(path, 0, FILE_BYTES_MAX + 1);
  if (bytes.length <= FILE_BYTES_MAX) return bytes;
  throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`);
}

function asError(error: unknown): Error | undefined {
  // It went after the directory was listed.
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  return error instanceof Error ? error : new Error(messageOf(error));
}
