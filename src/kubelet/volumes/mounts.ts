/**
 * Mounting, by the system's own programs, and the kernel's list of what is mounted.
 *
 * Source: mount(8), proc_pid_mountinfo(5).
 */
import type { FileSystem, Processes } from '#base/doors.ts';

export interface MountEntry {
  /** Where. */
  readonly path: string;
  /** Number of its file system, `major:minor`. */
  readonly device: string;
  /** Which part of its file system is shown: `/` for all of it. */
  readonly root: string;
  readonly type: string;
}

const MOUNT_TIMEOUT_MS = 30_000;
/** Large disks are formatted and checked for long. */
const TOOL_TIMEOUT_MS = 600_000;

/** A file system of a device. */
export interface DeviceMount {
  readonly from: string;
  readonly to: string;
  readonly fsType: string;
  readonly options: readonly string[];
}

export class Mounter {
  readonly #fileSystem: FileSystem;
  readonly #processes: Processes;

  constructor(options: { readonly fileSystem: FileSystem; readonly processes: Processes }) {
    this.#fileSystem = options.fileSystem;
    this.#processes = options.processes;
  }

  /** All mounts of this mount namespace, oldest first. */
  async list(): Promise<MountEntry[]> {
    return parseMountInfo(await this.#fileSystem.readText('/proc/self/mountinfo'));
  }

  async isMounted(path: string): Promise<boolean> {
    return (await this.list()).some((entry) => entry.path === path);
  }

  /** `sizeBytes` 0: the kernel's default, half of the memory. */
  async tmpfs(path: string, sizeBytes: number): Promise<void> {
    const options = sizeBytes > 0 ? ['-o', `size=${sizeBytes}`] : [];
    await this.#run('mount', ['-t', 'tmpfs', ...options, 'tmpfs', path]);
  }

  async bind(from: string, to: string): Promise<void> {
    await this.#run('mount', ['--no-canonicalize', '--bind', from, to]);
  }

  async mount({ from, to, fsType, options }: DeviceMount): Promise<void> {
    await this.#run('mount', ['-t', fsType, '-o', options.join(','), from, to]);
  }

  /** A program that looks at a device or changes it; its output is all that it wrote. */
  async tool(
    command: string,
    args: readonly string[],
  ): Promise<{ readonly exitCode: number; readonly output: string }> {
    const options = { timeoutMs: TOOL_TIMEOUT_MS };
    const { exitCode, stdout, stderr } = await this.#processes.run(command, args, options);
    return { exitCode, output: Buffer.concat([stdout, stderr]).toString().trim() };
  }

  async unmount(path: string): Promise<void> {
    await this.#run('umount', [path]);
  }

  /** Unmounts everything at and below `directory`, the youngest first. */
  async unmountBelow(directory: string): Promise<void> {
    const entries = await this.list();
    for (const { path } of entries.toReversed()) {
      if (path === directory || path.startsWith(`${directory}/`)) await this.unmount(path);
    }
  }

  async #run(command: string, args: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await this.#processes.run(command, args, {
      timeoutMs: MOUNT_TIMEOUT_MS,
    });
    if (exitCode === 0) return;
    const text = Buffer.from(stderr).toString().trim();
    throw new Error(`Cannot ${command} "${args.at(-1)}": exit code ${exitCode}, ${text}`);
  }
}

export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , device = '', root, path] = before.split(' ');
    const [type = ''] = after.split(' ');
    if (root === undefined || path === undefined) continue;
    entries.push({ path: unescapePath(path), device, root: unescapePath(root), type });
  }
  return entries;
}

/** Blanks and the like are written in octal: `\040`. */
function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
