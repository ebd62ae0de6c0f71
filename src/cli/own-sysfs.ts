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

/** Mounts one in the node's runtime directory where `/sys` is another's. */
export async function ownSysfs(directory: NodeDirectory, processes: Processes): Promise<string> {
  const own = interfaceNames(readFileSync('/proc/self/net/dev', 'utf8'));
  const shown = readdirSync('/sys/class/net').filter((name) =>
    existsSync(join('/sys/class/net', name, 'address')),
  );
  if (isSame(own, shown)) return '/sys';
  const path = pathOf(directory);
  mkdirSync(path, { recursive: true });
  if (!isMounted(path))
    await runCommand(processes, 'mount', ['-t', 'sysfs', '-o', 'ro', 'sysfs', path]);
  return path;
}

function pathOf({ runtimePath }: Pick<NodeDirectory, 'runtimePath'>): string {
  return join(runtimePath, 'sys');
}

/** Whether it is mounted: for a node that may still run. */
export function hasOwnSysfs(directory: NodeDirectory): boolean {
  return isMounted(pathOf(directory));
}

/** Takes it away, and the directories that are empty then. What is not there is no error. */
export async function dropOwnSysfs(directory: NodeDirectory, processes: Processes): Promise<void> {
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
