/**
 * A process that is killed between two changes of files: those of `node:fs` that put a file in its
 * place or take one away are counted, and from one of them on none is made.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

class Killed extends Error {
  override readonly name = 'Killed';
}

const REAL = { renameSync: fs.renameSync, rmSync: fs.rmSync };

/** Runs `work` up to its change number `changes` (from 0); answers whether it was killed there. */
export function killedAfter(changes: number, work: () => void): boolean {
  let left = changes;
  const count = (path: unknown): void => {
    // What a kill leaves beside the files counts for nothing.
    if (String(path).endsWith('.tmp')) return;
    if (left-- <= 0) throw new Killed(`before a change of ${String(path)}`);
  };
  fs.renameSync = (from, to): void => {
    count(to);
    REAL.renameSync(from, to);
  };
  fs.rmSync = (path, options): void => {
    count(path);
    REAL.rmSync(path, options);
  };
  syncBuiltinESMExports();
  try {
    work();
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  } finally {
    Object.assign(fs, REAL);
    syncBuiltinESMExports();
  }
}
