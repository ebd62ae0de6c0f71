/** Processes that a bench starts, and stops by their own pids; what they print goes to a file. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Scope } from './scope.ts';

export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly logPath: string;
  /** What asks it to end; SIGTERM unless given. */
  readonly stopSignal?: NodeJS.Signals;
  /** After this long it is killed. */
  readonly stopGraceMs?: number;
}

export interface OwnProcess {
  readonly pid: number;
  /** Rejects, with the end of the log, when the process ends before it was stopped. */
  readonly failed: Promise<never>;
  /** Resolves when it is gone. */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 20_000;
const LOG_TAIL_BYTES = 2_000;

export function startProcess(scope: Scope, options: ProcessOptions): OwnProcess {
  scope.throwIfClosing();
  const { name, command, args, environment, logPath } = options;
  const log = openSync(logPath, 'a', 0o600);
  const child = spawn(command, args, {
    // A terminal's Ctrl-C reaches its whole group, and here only the bench says who ends when.
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...environment },
  });
  closeSync(log);
  let stopping = false;
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`));
  });
  const failed = ended.then((how): Promise<never> => {
    const problem = new Error(`${name}: ${how}\n${logTail(logPath)}`);
    return stopping ? new Promise(() => {}) : Promise.reject(problem);
  });
  // Who waits for something else races with it; nobody has to.
  failed.catch(() => {});
  const stop = scope.defer(async () => {
    stopping = true;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(options.stopSignal ?? 'SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), options.stopGraceMs ?? STOP_GRACE_MS);
    await ended;
    clearTimeout(force);
  });
  return { pid: child.pid ?? 0, failed, stop };
}

/** The last lines of a log, to be shown with an error. */
export function logTail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-LOG_TAIL_BYTES).trim();
  } catch {
    return '';
  }
}
