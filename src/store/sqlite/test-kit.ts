/** What the tests of the SQLite store share. */
import type { Logger } from '#base/env.ts';

export const silentLog: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLog,
};
