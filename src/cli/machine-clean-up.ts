/** Takes away what a cluster left on the machine: mounts, cgroups. Only what is under our paths. */
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Processes } from '#base/doors.ts';

/** Unmounts everything mounted below `paths`, the deepest first. */
export async function unmountBelow(processes: Processes, paths: readonly string[]): Promise<void> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const mount = line.split(' ')[4];
      return mount === undefined ? [] : [unescapeMount(mount)];
    })
    .filter((mount) => paths.some((path) => mount === path || mount.startsWith(`${path}/`)))
    .reverse();
  for (const mount of mounts) await processes.run('umount', ['--lazy', mount]);
}

/** Spaces and the like are written in octal. */
function unescapeMount(text: string): string {
  return text.replace(/\\(\d{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
}

const CGROUPS = '/sys/fs/cgroup';

/** Removes the cgroup `name` with all below it, in every hierarchy. Its processes are gone. */
export function removeCgroups(name: string): void {
  removeCgroupTree(join(CGROUPS, name));
  for (const controller of listDirectories(CGROUPS))
    removeCgroupTree(join(CGROUPS, controller, name));
}

function removeCgroupTree(path: string): void {
  for (const child of listDirectories(path)) removeCgroupTree(join(path, child));
  try {
    rmdirSync(path);
  } catch {
    // Not there, or not ours to remove while something runs in it.
  }
}

function listDirectories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}
