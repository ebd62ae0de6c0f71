/** Debian's packages that a real node needs; installed when they are missing. */
import { existsSync } from 'node:fs';
import type { Processes, ProcessResult } from '#base/doors.ts';
import type { Progress } from './progress.ts';
import { UserError } from './user-error.ts';

/** A package, with files of which one shows that it is there. */
export type DebianPackage = readonly [name: string, files: readonly string[]];

const NODE_PACKAGES: readonly DebianPackage[] = [
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

/** Debian's place; undefined: it is not installed. */
export function crunPath(exists: (path: string) => boolean = existsSync): string | undefined {
  return ['/usr/bin/crun', '/usr/sbin/crun'].find(exists);
}

/** Long enough for a slow mirror. */
const INSTALL_TIMEOUT_MS = 600_000;
/** Another apt may be at work, on a machine that was just started most of all. */
const LOCK_WAIT_S = 120;
const APT_OPTIONS = [
  '-q',
  '-o',
  `DPkg::Lock::Timeout=${LOCK_WAIT_S}`,
  // A configuration that is there already is the user's: no question about it.
  '-o',
  'Dpkg::Options::=--force-confdef',
  '-o',
  'Dpkg::Options::=--force-confold',
];
/** Present where systemd is the init that runs. */
const SYSTEMD_RUNS = '/run/systemd/system';
/** What Debian's packages enable and start as soon as they are installed. Ours is a private one. */
const SERVICES: Readonly<Record<string, string>> = { containerd: 'containerd.service' };

export interface PrerequisiteOptions {
  readonly processes: Processes;
  readonly progress: Progress;
  /** Beside what a node needs. */
  readonly more?: readonly DebianPackage[];
  readonly exists?: (path: string) => boolean;
}

/** Installs what is missing; throws a UserError when that cannot be. */
export async function installPrerequisites(options: PrerequisiteOptions): Promise<void> {
  const { processes, progress, more = [], exists = existsSync } = options;
  const packages = [...NODE_PACKAGES, ...more];
  const missing = packages.filter(([, files]) => !files.some(exists)).map(([name]) => name);
  if (missing.length === 0) return;
  if (!exists('/usr/bin/apt-get')) {
    throw new UserError(
      `Cannot run containers: ${missing.join(', ')} are missing, and there is no apt-get to install them. ` +
        'Install them (the names are those of Debian), or use --simulated-nodes.',
    );
  }
  const services = exists(SYSTEMD_RUNS) ? missing.flatMap((name) => SERVICES[name] ?? []) : [];
  await progress.step(`Installing ${missing.join(', ')}`, () =>
    withoutServices(processes, services, () => aptInstall(processes, missing)),
  );
}

/**
 * Keeps systemd from starting `services` while `install` brings them, and disables them. The mask
 * lies under /run: should this process die, it is gone with the next start of the machine.
 */
async function withoutServices(
  processes: Processes,
  services: readonly string[],
  install: () => Promise<void>,
): Promise<void> {
  if (services.length === 0) return install();
  await processes.run('systemctl', ['mask', '--runtime', ...services]);
  try {
    await install();
  } finally {
    await processes.run('systemctl', ['unmask', '--runtime', ...services]);
    await processes.run('systemctl', ['disable', ...services]);
  }
}

/** `apt-get install` without questions. */
async function aptInstall(processes: Processes, packages: readonly string[]): Promise<void> {
  const install = () => apt(processes, ['install', '-y', '--no-install-recommends', ...packages]);
  let result = await install();
  if (result.exitCode !== 0) {
    // The package lists may be old or empty: get them, and try once more.
    await updatePackageLists(processes);
    result = await install();
  }
  if (result.exitCode === 0) return;
  const words = Buffer.from(result.stderr).toString().trim().slice(-500);
  throw new UserError(
    `Cannot install ${packages.join(', ')}: ${words}\nCheck that this machine reaches its mirror ` +
      'of Debian ("apt-get update"), or install them yourself, or use --simulated-nodes.',
  );
}

/** `apt-get update`. Whether it helped is seen by trying again. */
export async function updatePackageLists(processes: Processes): Promise<void> {
  await apt(processes, ['update']);
}

function apt(processes: Processes, args: readonly string[]): Promise<ProcessResult> {
  return processes.run('apt-get', [...APT_OPTIONS, ...args], {
    timeoutMs: INSTALL_TIMEOUT_MS,
    environment: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });
}
