/**
 * containerd's shims: each keeps the containers of one pod, and goes on when containerd ends.
 *
 * A containerd that is killed while it starts one leaves a shim that the next containerd does not
 * take over (it asks each once, at its start). One is left as well when a request for a sandbox is
 * given up while its shim starts, and when a shim is too slow to answer that its task shall go. Each
 * stays for ever, with its mounts and its cgroup.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Processes } from '#base/doors.ts';
import { runCommand } from '#base/run-command.ts';

export interface Shim {
  readonly pid: number;
  /** Of the sandbox that it is for. */
  readonly id: string;
  /** When it started, in clock ticks since boot. */
  readonly startTicks: number;
}

const NAMESPACE = 'k8s.io';
const PROGRAM = 'containerd-shim-runc-v2';
const TIMEOUT_MS = 30_000;

/** Those of the containerd with this socket, which tells it to each by `-address`. */
export function shimsOf(socket: string): Shim[] {
  return processIds().flatMap((pid) => {
    const [command = '', ...args] = readOrEmpty(`/proc/${pid}/cmdline`).split('\0');
    const isOurs = command.includes('containerd-shim') && valueOf(args, '-address') === socket;
    return isOurs ? [{ pid, id: valueOf(args, '-id'), startTicks: Number(statOf(pid)[19]) }] : [];
  });
}

export interface ContainerdOfNode {
  readonly socket: string;
  /** Its directory of state. */
  readonly state: string;
  /** Where the node's programs run. */
  readonly processes: Processes;
}

/** Ends the shims that containerd has no task for, and takes away what they made. */
export class ForgottenShims {
  readonly #containerd: ContainerdOfNode;
  /** Those that had a task, and have processes: at most one for each sandbox of the node. */
  #known = new Set<string>();

  constructor(containerd: ContainerdOfNode) {
    this.#containerd = containerd;
  }

  /** A containerd that has just started may not have taken over what the one before it knew. */
  distrust(): void {
    this.#known.clear();
  }

  /**
   * Of those that started before `ticks` (clock ticks since boot): a younger one may have its task
   * yet to come. containerd has to answer, and is asked only where there is a shim that never had a
   * task or has nothing to keep any more. Answers how many there were; rejects when it cannot be asked.
   */
  async removeStartedBefore(ticks: number): Promise<number> {
    const { socket, processes } = this.#containerd;
    const old = shimsOf(socket).filter(({ startTicks }) => startTicks <= ticks);
    const parents = new Set(processIds().map(parentOf));
    const isKnown = (shim: Shim): boolean => this.#known.has(keyOf(shim)) && parents.has(shim.pid);
    const unsure = old.filter((shim) => !isKnown(shim));
    this.#known = new Set(old.filter(isKnown).map(keyOf));
    if (unsure.length === 0) return 0;
    const words = ['--address', socket, '--namespace', NAMESPACE, 'tasks', 'list', '--quiet'];
    const tasks = new Set(
      (await runCommand(processes, 'ctr', words, { timeoutMs: TIMEOUT_MS })).split('\n'),
    );
    const forgotten = unsure.filter(({ id }) => !tasks.has(id));
    for (const shim of forgotten) await removeShim(shim, this.#containerd);
    for (const shim of unsure) if (tasks.has(shim.id)) this.#known.add(keyOf(shim));
    return forgotten.length;
  }
}

/** Process ids come again. */
function keyOf({ pid, startTicks }: Shim): string {
  return `${pid} ${startTicks}`;
}

async function removeShim(
  { pid, id }: Shim,
  { socket, state, processes }: ContainerdOfNode,
): Promise<void> {
  const children = processIds().filter((each) => parentOf(each) === pid);
  for (const each of [pid, ...children]) kill(each);
  const bundle = join(state, 'io.containerd.runtime.v2.task', NAMESPACE, id);
  // What containerd itself does for a shim that is dead: runc forgets the container.
  const flags = ['-namespace', NAMESPACE, '-address', socket, '-bundle', bundle, '-id', id];
  await processes.run('env', [`--chdir=${bundle}`, PROGRAM, ...flags, 'delete'], {
    timeoutMs: TIMEOUT_MS,
  });
  await processes.run('umount', ['--lazy', '--quiet', join(bundle, 'rootfs')]);
  rmSync(bundle, { recursive: true, force: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

function valueOf(args: readonly string[], flag: string): string {
  const at = args.indexOf(flag);
  return at < 0 ? '' : (args[at + 1] ?? '');
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function parentOf(pid: number): number {
  return Number(statOf(pid)[1]);
}

/** The fields of proc(5) stat behind the name, from the third on. */
function statOf(pid: number): string[] {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
