/**
 * Where the kernel shows the interfaces of the network namespace that this process is in: `/sys`,
 * unless that was mounted in another one, as it is behind nsenter(1) or `unshare --net`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Processes } from '#base/doors.ts';
import { runCommand } from '#base/run-command.ts';
import { isMounted } from './machine-clean-up.ts';
import type { NodeDirectory } from './node-directory.ts';

type Runtime = Pick<NodeDirectory, 'runtimePath'>;

/** Mounts one in the node's runtime directory where `/sys` is another's. */
export async function ownSysfs(directory: Runtime, processes: Processes): Promise<string> {
  const own = ownInterfaces();
  if (isSame(own, shownIn('/sys'))) return '/sys';
  const path = pathOf(directory);
  mkdirSync(path, { recursive: true, mode: 0o711 });
  if (isMounted(path)) {
    if (isSame(own, shownIn(path))) return path;
    // Of a start of before, whose namespace is gone.
    await runCommand(processes, 'umount', ['--lazy', path]);
  }
  await runCommand(processes, 'mount', ['-t', 'sysfs', '-o', 'ro', 'sysfs', path]);
  return path;
}

/** Names of the interfaces of this process's network namespace, whatever `/sys` shows. */
export function ownInterfaces(): string[] {
  return interfaceNames(readFileSync('/proc/self/net/dev', 'utf8'));
}

function shownIn(sysfs: string): string[] {
  const folder = `${sysfs}/class/net`;
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, 'address')));
}

function pathOf({ runtimePath }: Runtime): string {
  return join(runtimePath, 'sys');
}

/** Whether it is mounted: for a node that may still run. */
export function hasOwnSysfs(directory: Runtime): boolean {
  return isMounted(pathOf(directory));
}

/** Takes it away, and the directories that are empty then. What is not there is no error. */
export async function dropOwnSysfs(directory: Runtime, processes: Processes): Promise<void> {
  const path = pathOf(directory);
  if (hasOwnSysfs(directory)) await runCommand(processes, 'umount', [path]);
  await processes.run('rmdir', ['--ignore-fail-on-non-empty', '--parents', path]);
}

/** `text`: of /proc/net/dev, two lines of headings and one of each interface. */
export function interfaceNames(text: string): string[] {
  return text
    .split('\n')
    .slice(2)
    .flatMap((line) => /^\s*(\S+?):/.exec(line)?.[1] ?? []);
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.toSorted().join(' ') === right.toSorted().join(' ');
}
