/**
 * The ratchet: `expectations.txt` names the specs that pass, one a line, sorted. It may only grow: a
 * run in which one of them was chosen and did not pass is a failure.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MODULE } from './folders.ts';
import type { SpecResult } from './junit.ts';

const PATH = join(MODULE, 'expectations.txt');

export interface Verdict {
  /** Expected, chosen, and not passed. */
  readonly broken: readonly string[];
  /** Passed, and not expected yet. */
  readonly fresh: readonly string[];
}

export function readExpectations(): string[] {
  return readFileSync(PATH, 'utf8').split('\n').filter(Boolean);
}

/** `chosen`: the specs that were meant to run; what broke the run off before them broke them. */
export function judge(
  expected: readonly string[],
  chosen: readonly string[],
  results: readonly SpecResult[],
): Verdict {
  const passed = new Set(results.filter(({ result }) => result === 'pass').map(({ name }) => name));
  const known = new Set(expected);
  const meant = new Set(chosen);
  return {
    broken: expected.filter((name) => meant.has(name) && !passed.has(name)),
    fresh: [...passed].filter((name) => !known.has(name)).sort(),
  };
}

/** All of both, sorted, once each. */
export function grown(expected: readonly string[], fresh: readonly string[]): string[] {
  return [...new Set([...expected, ...fresh])].sort();
}

export function writeExpectations(names: readonly string[]): void {
  writeFileSync(PATH, `${names.join('\n')}\n`);
}
