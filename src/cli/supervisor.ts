/**
 * The supervisor: keeps the cluster's processes running, and outlives none of them.
 *
 * Each process runs in a session of its own and writes to a log file, so that it goes on when the
 * supervisor dies. A pid file names it by pid and start time (a pid alone may be somebody else's by
 * now); the next supervisor takes over what it finds running.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment, Timer } from '#base/env.ts';
import { readJsonIfThere, writeFileEvenWhenFull } from './files.ts';
import type { NodeDirectory } from './node-directory.ts';
import { messageOf } from './user-error.ts';

export interface ManagedProcess {
  /** Names the pid file and the log. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Before it is started again; when this fails, it is tried again later, as the process is. */
  readonly beforeRestart?: () => Promise<void>;
}

/** A process that ends sooner than this after its start is started again only after a pause. */
const STABLE_MS = 5_000;
const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 1_500;
/** How often a process that is not our child is looked after. */
const LOOK_MS = 200;
/** A log of this size is put aside, once, when its process starts. */
const LOG_MAX_BYTES = 32 * 1024 * 1024;

interface PidFile {
  readonly pid: number;
  readonly startTicks: string;
}

/** Linux: USER_HZ, in which proc(5) tells times to programs; the same on every architecture here. */
const TICKS_PER_SECOND = 100;

/** The time now, as `startTicksOf` tells times. */
export function ticksSinceBoot(): number {
  const [seconds = ''] = readFileSync('/proc/uptime', 'utf8').split(' ');
  return Number(seconds) * TICKS_PER_SECOND;
}

/** When a process started, in clock ticks since boot: with its pid, its identity. */
export function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; field 22 is the 20th behind it. A zombie is gone.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The process that a pid file of `folder` names, when it still runs. */
export function runningPid(folder: string, name: string): number | undefined {
  return readPid(folder, name)?.pid;
}

function readPid(folder: string, name: string): PidFile | undefined {
  const value = readJsonIfThere(pidPath(folder, name)) as Partial<PidFile> | undefined;
  if (typeof value?.pid !== 'number' || typeof value.startTicks !== 'string') return undefined;
  return startTicksOf(value.pid) === value.startTicks
    ? { pid: value.pid, startTicks: value.startTicks }
    : undefined;
}

function pidPath(folder: string, name: string): string {
  return join(folder, `${name}.pid`);
}

interface Running {
  readonly process: ManagedProcess;
  pid: number | undefined;
  startTicks: string | undefined;
  startedMs: number;
  pauseMs: number;
  timer: Timer | undefined;
  readonly waiters: (() => void)[];
}

export class Supervisor {
  readonly #environment: Environment;
  readonly #runFolder: string;
  readonly #logFolder: string;
  readonly #running = new Map<string, Running>();
  #stopping = false;

  constructor(options: {
    readonly environment: Environment;
    /** Where pid files and logs are. */
    readonly directory: Pick<NodeDirectory, 'run' | 'logs'>;
  }) {
    this.#environment = options.environment;
    this.#runFolder = options.directory.run;
    this.#logFolder = options.directory.logs;
  }

  /** Takes over the process if it runs, else starts it. Answers whether it was found running. */
  start(process: ManagedProcess): boolean {
    const found = readPid(this.#runFolder, process.name);
    const running: Running = {
      process,
      pid: found?.pid,
      startTicks: found?.startTicks,
      startedMs: this.#environment.clock.monotonicMs(),
      pauseMs: PAUSE_FIRST_MS,
      timer: undefined,
      waiters: [],
    };
    this.#running.set(process.name, running);
    if (found === undefined) this.#spawn(running);
    else this.#lookAfter(running);
    return found !== undefined;
  }

  pidOf(name: string): number | undefined {
    return this.#running.get(name)?.pid;
  }

  /** Ends one process with `signal`, and by force after `graceMs`; it is not started again. */
  async stop(name: string, options: { signal?: NodeJS.Signals; graceMs: number }): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#running.delete(name);
    running.timer?.cancel();
    if (running.pid !== undefined && this.#isAlive(running)) {
      const ended = new Promise<void>((resolve) => running.waiters.push(resolve));
      this.#lookUntilGone(running);
      kill(running.pid, options.signal ?? 'SIGTERM');
      const force = this.#environment.timers.after(options.graceMs, () =>
        kill(running.pid, 'SIGKILL'),
      );
      await ended;
      force.cancel();
    }
    rmSync(pidPath(this.#runFolder, name), { force: true });
  }

  /** Ends a process at once; it is started again, unless it is being stopped. */
  kill(name: string): void {
    const running = this.#running.get(name);
    if (running !== undefined && this.#isAlive(running)) kill(running.pid, 'SIGKILL');
  }

  /** From now on nothing is started again. */
  beginShutdown(): void {
    this.#stopping = true;
  }

  #spawn(running: Running): void {
    const { name, command, args, environment } = running.process;
    const log = openLog(join(this.#logFolder, `${name}.log`));
    const output = log ?? 'ignore';
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...environment },
    });
    if (log !== undefined) closeSync(log);
    running.startedMs = this.#environment.clock.monotonicMs();
    running.pid = child.pid;
    running.startTicks = child.pid === undefined ? undefined : startTicksOf(child.pid);
    child.on('error', (error) => {
      this.#environment.log.error('cannot start a process', {
        process: name,
        error: error.message,
      });
      this.#onEnd(running);
    });
    child.on('exit', () => this.#onEnd(running));
    child.unref();
    this.#writePid(name, child, running.startTicks);
  }

  #writePid(name: string, child: ChildProcess, startTicks: string | undefined): void {
    if (child.pid === undefined || startTicks === undefined) return;
    const text = JSON.stringify({ pid: child.pid, startTicks } satisfies PidFile);
    try {
      writeFileEvenWhenFull(pidPath(this.#runFolder, name), text, 0o600);
    } catch (error) {
      // Worse than a process that the next start will not know is one that nobody looks after.
      this.#environment.log.error('cannot write a pid file', {
        process: name,
        error: messageOf(error),
      });
    }
  }

  #isAlive(running: Running): boolean {
    return running.pid !== undefined && startTicksOf(running.pid) === running.startTicks;
  }

  /** A process that is not our child tells us nothing when it ends. */
  #lookAfter(running: Running): void {
    running.timer = this.#environment.timers.after(LOOK_MS, () => {
      if (this.#isAlive(running)) this.#lookAfter(running);
      else this.#onEnd(running);
    });
  }

  #lookUntilGone(running: Running): void {
    const look = (): void => {
      if (this.#isAlive(running)) this.#environment.timers.after(20, look);
      else for (const wake of running.waiters.splice(0)) wake();
    };
    look();
  }

  #restart(running: Running): void {
    const { name, beforeRestart } = running.process;
    if (beforeRestart === undefined) return this.#spawn(running);
    beforeRestart().then(
      () => {
        if (!this.#stopping && this.#running.get(name) === running) this.#spawn(running);
      },
      (error: unknown) => {
        this.#environment.log.error('cannot prepare a process', {
          process: name,
          error: messageOf(error),
        });
        this.#onEnd(running);
      },
    );
  }

  #onEnd(running: Running): void {
    for (const wake of running.waiters.splice(0)) wake();
    if (this.#stopping || this.#running.get(running.process.name) !== running) return;
    const { clock, log, timers } = this.#environment;
    const lived = clock.monotonicMs() - running.startedMs;
    running.pauseMs =
      lived > STABLE_MS ? PAUSE_FIRST_MS : Math.min(PAUSE_MAX_MS, running.pauseMs * 2);
    log.warn('a process ended and is started again', {
      process: running.process.name,
      afterMs: Math.round(running.pauseMs),
    });
    running.pid = undefined;
    running.timer = timers.after(running.pauseMs, () => this.#restart(running));
  }
}

function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already, which is what was wanted.
  }
}

/** Undefined when there is no place for a log: the process matters more. */
function openLog(path: string): number | undefined {
  try {
    if (statSync(path).size > LOG_MAX_BYTES) renameSync(path, `${path}.1`);
  } catch {
    // There is no log yet.
  }
  try {
    return openSync(path, 'a', 0o600);
  } catch {
    return undefined;
  }
}
