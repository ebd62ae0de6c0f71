/** Which sockets lie in a directory and below it. */
import type { FileSystem } from '#base/doors.ts';

/** Deeper ones, and more than so many, are not looked at. */
const DEPTH_MAX = 8;
const SOCKETS_MAX = 1000;

/** By path, what tells one socket from a later one of the same name. Names with a dot first are left out. */
export async function socketsBelow(
  fileSystem: FileSystem,
  directory: string,
  depth = 0,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of await fileSystem.list(directory)) {
    if (name.startsWith('.')) continue;
    const path = `${directory}/${name}`;
    const stat = await fileSystem.stat(path, { noFollow: true });
    if (stat?.kind === 'socket') found.set(path, `${stat.inode}/${stat.modifiedMs}`);
    else if (stat?.kind === 'directory' && depth < DEPTH_MAX)
      for (const [below, mark] of await socketsBelow(fileSystem, path, depth + 1))
        found.set(below, mark);
    if (found.size >= SOCKETS_MAX) break;
  }
  return found;
}
