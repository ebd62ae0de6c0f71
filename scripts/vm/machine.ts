/** The virtual machine: its command line, and one run of it. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Disk } from './disk.ts';

export interface MachineOptions {
  readonly disk: Disk;
  /** False: the processor is emulated, some ten times slower. */
  readonly hasKvm: boolean;
  /** Disks: of the repository with the command to run in it, and of its packages. */
  readonly repository: string;
  readonly packages: string;
  /** Where the kernel's words and the exit status are written. */
  readonly folder: string;
  readonly processors: number;
  readonly memoryMib: number;
}

/** Guards against other guests' programs guard nothing here, and cost time with each system call. */
const KERNEL = 'console=ttyS0 panic=-1 mitigations=off';

/** What QEMU is told. Pure. */
export function machineArguments(options: MachineOptions): string[] {
  const { disk, hasKvm, repository, packages, folder, processors, memoryMib } = options;
  const drives = [disk.root, repository, packages].map((file) => [
    '-drive',
    // What is written goes to a file without a name, and is gone with the machine.
    `file=${file},format=raw,if=virtio,snapshot=on,cache=unsafe`,
  ]);
  return [
    ['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ['-machine', 'q35', '-cpu', 'max', '-accel', hasKvm ? 'kvm' : 'tcg,thread=multi'],
    ['-smp', String(processors), '-m', `${memoryMib}M`],
    ['-kernel', disk.kernel, '-initrd', disk.initrd, '-append', KERNEL],
    ...drives,
    ['-serial', `file:${join(folder, 'console')}`],
    ['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ['-chardev', 'stdio,id=output,signal=off'],
    ['-device', 'virtserialport,chardev=output,name=output'],
    ['-chardev', `file,id=status,path=${statusPath(folder)}`],
    ['-device', 'virtserialport,chardev=status,name=status'],
    ['-netdev', 'user,id=net,restrict=on'],
    ['-device', 'virtio-net-pci,netdev=net'],
  ].flat();
}

function statusPath(folder: string): string {
  return join(folder, 'status');
}

export function hasKvm(): boolean {
  return existsSync('/dev/kvm') && runsGuests(readFileSync('/proc/cpuinfo', 'utf8'));
}

/**
 * Whether the processor runs guests by itself, as `/proc/cpuinfo` (its text) has it. There are hosts
 * with a /dev/kvm and without that: they run kernels made for it alone.
 */
export function runsGuests(cpuinfo: string): boolean {
  return /^flags\s*:.* (?:vmx|svm)\b/m.test(cpuinfo);
}

/** Characters of the console that are shown when a run fails. */
const CONSOLE_MAX = 3000;

/** Signals that end us, and the machine before. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs the machine until it ends; what its command prints goes to stdout. Answers the command's exit
 * status. Rejects when the machine ends without one, is not done after `limitMs`, or we are asked to end.
 */
export async function runMachine(options: MachineOptions, limitMs: number): Promise<number> {
  // Whoever kills us in a way that we do not see ends the machine too: the kernel does it.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...machineArguments(options)],
    // Where its input ends, QEMU takes its output for closed too: this one stays open.
    { stdio: ['pipe', 'inherit', 'inherit'] },
  );
  let why: string | undefined;
  const end = (reason: string): void => {
    why ??= reason;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => end(`it ran longer than ${limitMs / 1000} s`), limitMs);
  const listeners = SIGNALS.map((signal) => [signal, () => end(signal)] as const);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', resolve);
    });
    const status = /^(\d+)\n$/.exec(readFileSync(statusPath(options.folder), 'utf8'))?.[1];
    if (why === undefined && code === 0 && status !== undefined) return Number(status);
    const words = readFileSync(join(options.folder, 'console'), 'utf8').slice(-CONSOLE_MAX);
    throw new Error(
      `The virtual machine was ended: ${why ?? `QEMU's exit code is ${code}`}. Its kernel said last:\n${words}`,
    );
  } finally {
    clearTimeout(timer);
    for (const [signal, listener] of listeners) process.off(signal, listener);
  }
}
