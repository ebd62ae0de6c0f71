/** Debian's packages that a real node needs; installed when they are missing. */
import { existsSync } from 'node:fs';
import type { Processes } from '#base/doors.ts';
import type { Progress } from './progress.ts';
import { UserError } from './user-error.ts';

/** Each package with a file that shows that it is there. */
const PACKAGES: readonly (readonly [name: string, files: readonly string[]])[] = [
  ['containerd', ['/usr/bin/containerd']],
  ['runc', ['/usr/sbin/runc', '/usr/bin/runc']],
  ['containernetworking-plugins', ['/usr/lib/cni/bridge']],
  ['nftables', ['/usr/sbin/nft']],
  ['conntrack', ['/usr/sbin/conntrack']],
  ['iproute2', ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip']],
  ['procps', ['/usr/sbin/sysctl', '/sbin/sysctl']],
];

/** Debian's place, which has moved between releases. */
export function runcPath(): string {
  return existsSync('/usr/sbin/runc') ? '/usr/sbin/runc' : '/usr/bin/runc';
}

const INSTALL_TIMEOUT_MS = 180_000;

export async function installPrerequisites(
  processes: Processes,
  progress: Progress,
): Promise<void> {
  const missing = PACKAGES.filter(([, files]) => !files.some((file) => existsSync(file))).map(
    ([name]) => name,
  );
  if (missing.length === 0) return;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new UserError(
      `Cannot run containers: ${missing.join(', ')} are missing, and this is no Debian. Install them, or use --simulated-nodes.`,
    );
  }
  await progress.step(`Installing ${missing.join(', ')}`, () => aptInstall(processes, missing));
}

/** `apt-get install` without questions and without starting services. */
export async function aptInstall(processes: Processes, packages: readonly string[]): Promise<void> {
  const apt = (...args: string[]) =>
    processes.run('apt-get', args, {
      timeoutMs: INSTALL_TIMEOUT_MS,
      environment: { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    });
  const install = () => apt('install', '-y', '-q', '--no-install-recommends', ...packages);
  let result = await install();
  if (result.exitCode !== 0) {
    // The package lists may be old or empty: get them, and try once more.
    await apt('update', '-q');
    result = await install();
  }
  if (result.exitCode !== 0) {
    const words = Buffer.from(result.stderr).toString().trim().split('\n').at(-1) ?? '';
    throw new UserError(
      `Cannot install ${packages.join(', ')}: ${words}. Install them with apt-get, or use --simulated-nodes.`,
    );
  }
}
