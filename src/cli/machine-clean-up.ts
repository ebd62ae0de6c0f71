/** Takes away what a cluster left on the machine: mounts, cgroups. Only what is under our paths. */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Processes } from '#base/doors.ts';
import { shimsOf } from './shims.ts';

const KILL_WAIT_MS = 5_000;
const LOOK_MS = 20;

/**
 * Kills what a containerd that is gone left running: the shims that were told of its socket, and
 * whatever is in our cgroups. Resolves when they are gone, or after some seconds.
 */
export async function killLeftovers(own: { socket: string; cgroup: string }): Promise<void> {
  for (let waitedMs = 0; waitedMs < KILL_WAIT_MS; waitedMs += LOOK_MS) {
    const shims = shimsOf(own.socket).map(({ pid }) => pid);
    const pids = new Set([...shims, ...processesIn(own.cgroup)]);
    if (pids.size === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function processesIn(cgroup: string): number[] {
  const roots = [
    join(CGROUPS, cgroup),
    ...listDirectories(CGROUPS).map((name) => join(CGROUPS, name, cgroup)),
  ];
  return roots.flatMap(processesBelow);
}

function processesBelow(path: string): number[] {
  const own = readOrEmpty(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
  return [...own, ...listDirectories(path).flatMap((child) => processesBelow(join(path, child)))];
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Unmounts everything mounted below `paths`, the deepest first. */
export async function unmountBelow(processes: Processes, paths: readonly string[]): Promise<void> {
  const mounts = mountPoints()
    .filter((mount) => paths.some((path) => mount === path || mount.startsWith(`${path}/`)))
    .reverse();
  for (const mount of mounts) await processes.run('umount', ['--lazy', mount]);
}

export function isMounted(path: string): boolean {
  return mountPoints().includes(path);
}

/** In the order of mounting. */
function mountPoints(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const mount = line.split(' ')[4];
      return mount === undefined ? [] : [unescapeMount(mount)];
    });
}

/** Spaces and the like are written in octal. */
function unescapeMount(text: string): string {
  return text.replace(/\\(\d{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
}

/** Folders whose place the shims do not let us choose; a containerd of the user's has them too. */
const SHIM_FOLDERS = ['s', 'runc/k8s.io', 'runc', ''];
const SHIM_ROOT = '/run/containerd';

/** Removes the empty folders that shims leave, unless another containerd is at work there. */
export function removeShimFolders(): void {
  if (existsSync(join(SHIM_ROOT, 'containerd.sock'))) return;
  for (const name of SHIM_FOLDERS) {
    try {
      rmdirSync(join(SHIM_ROOT, name));
    } catch {
      // Not there, or not empty.
    }
  }
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
