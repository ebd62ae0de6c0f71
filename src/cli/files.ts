/** Small synchronous file helpers of the start-up, which has nothing else to do meanwhile. */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './user-error.ts';

/** Writes beside, syncs, renames: a reader, or a crash, never sees half a file. */
export function writeFileDurably(path: string, data: string, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeAndSync(temporary, data, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function writeAndSync(path: string, data: string, mode: number): void {
  const file = openSync(path, 'w', mode);
  try {
    writeSync(file, data);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * The same, but on a full disk a small file that is there already is written over in its place,
 * which takes no new space (and a crash may leave a broken one).
 */
export function writeFileEvenWhenFull(path: string, data: string, mode: number): void {
  try {
    writeFileDurably(path, data, mode);
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC') throw error;
    const file = openSync(path, 'r+');
    try {
      ftruncateSync(file, writeSync(file, data, 0));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

/** The text of a file, or undefined when there is none. */
export function readTextIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The JSON of a file, or undefined when there is none or it is broken. */
export function readJsonIfThere(path: string): unknown {
  const text = readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
