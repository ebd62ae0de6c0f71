/** What the tests of the SQLite store share. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Environment, Logger } from '#base/env.ts';

export const silentLog: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLog,
};

/** The machine's time, for tests about processes that really die. */
export const realTime: Pick<Environment, 'clock' | 'timers'> = {
  clock: { now: () => Date.now(), monotonicMs: () => performance.now() },
  timers: {
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
  },
};

/** An empty directory that is removed after the test. */
export async function temporaryDirectory(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
