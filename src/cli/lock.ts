/**
 * One `cox up` or `cox join` for one data directory: two would take each other's processes and network away.
 *
 * The lock is a file that names its holder by pid and start time, so that a holder that was killed
 * holds nothing. A holder that is stopping is waited for; one that runs is an error.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '#base/env.ts';
import { sleep } from '#base/env.ts';
import { type DataDirectory, explained } from './data-directory.ts';
import { readJsonIfThere, writeFileEvenWhenFull } from './files.ts';
import { startTicksOf } from './supervisor.ts';
import { codeOf, UserError } from './user-error.ts';

/** Longer than a stop takes when everything must be killed. */
const WAIT_MS = 60_000;
const LOOK_MS = 50;
const CERTIFICATES_LOCK = 'certs.lock';

interface Holder {
  readonly pid: number;
  readonly startTicks: string;
  readonly stopping: boolean;
}

export interface Lock {
  /** Tells the next one that waiting is worth it. */
  stopping(): void;
  release(): void;
}

/** Takes the lock. `onWait` is called once when another holder has to end first. */
export async function lockDataDirectory(
  data: DataDirectory,
  environment: Environment,
  onWait: () => void = () => {},
): Promise<Lock> {
  try {
    mkdirSync(data.path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explained(data, error);
  }
  const path = join(data.path, 'lock');
  const until = environment.clock.monotonicMs() + WAIT_MS;
  for (let waited = false; ; waited = true) {
    const lock = tryLock(data, path);
    if (lock !== undefined) return lock;
    const holder = holderOf(path);
    if (holder === undefined) {
      rmSync(path, { force: true });
      continue;
    }
    if (!holder.stopping || environment.clock.monotonicMs() > until) {
      throw new UserError(
        `Cannot use data directory ${data.path}: process ${holder.pid} (cox up or cox join) does already. ` +
          'Stop that one with Ctrl-C first, or choose another directory with --data-dir.',
      );
    }
    if (!waited) onWait();
    await sleep(environment, LOOK_MS);
  }
}

/** Whether a `cox up` or `cox join` holds the lock, and whether it is about to let go. */
export function dataDirectoryHolder(
  data: DataDirectory,
): { readonly stopping: boolean } | undefined {
  return holderOf(join(data.path, 'lock'));
}

/** Of one `cox certs rotate` at a time. Throws UserError where another one is at work. */
export function lockCertificates(data: DataDirectory): Pick<Lock, 'release'> {
  const path = join(data.path, CERTIFICATES_LOCK);
  const holder = holderOf(path);
  if (holder === undefined) rmSync(path, { force: true });
  const lock = tryLock(data, path);
  if (lock !== undefined) return lock;
  throw new UserError(
    `Cannot rotate the certificates of ${data.path}: another "cox certs rotate" does already. Wait until it has ended.`,
  );
}

function tryLock(data: DataDirectory, path: string): Lock | undefined {
  const own: Holder = {
    pid: process.pid,
    startTicks: startTicksOf(process.pid) ?? '',
    stopping: false,
  };
  if (!createWith(data, path, JSON.stringify(own))) return undefined;
  return {
    stopping: () => {
      try {
        writeFileEvenWhenFull(path, JSON.stringify({ ...own, stopping: true }), 0o600);
      } catch {
        // Then the next one is told to wait for this one, instead of waiting by itself.
      }
    },
    release: () => rmSync(path, { force: true }),
  };
}

/** False when the file is there already. */
function createWith(data: DataDirectory, path: string, text: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw explained(data, error);
  }
  try {
    writeSync(file, text);
    return true;
  } catch (error) {
    rmSync(path, { force: true });
    throw explained(data, error);
  } finally {
    closeSync(file);
  }
}

/** Who holds the lock; undefined when the holder is gone (or never finished writing its name). */
function holderOf(path: string): Holder | undefined {
  const value = readJsonIfThere(path) as Partial<Holder> | undefined;
  if (typeof value?.pid !== 'number' || typeof value.startTicks !== 'string') return undefined;
  // Off Linux there are no start times: a process with this pid is taken for the holder.
  const alive =
    process.platform === 'linux'
      ? startTicksOf(value.pid) === value.startTicks
      : isRunning(value.pid);
  return alive
    ? { pid: value.pid, startTicks: value.startTicks, stopping: value.stopping === true }
    : undefined;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
