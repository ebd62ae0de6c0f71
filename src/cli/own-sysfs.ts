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
  const path = join(directory.runtimePath, 'sys');
  mkdirSync(path, { recursive: true });
  if (!isMounted(path))
    await runCommand(processes, 'mount', ['-t', 'sysfs', '-o', 'ro', 'sysfs', path]);
  return path;
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
