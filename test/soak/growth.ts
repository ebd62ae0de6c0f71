/** Whether counts grow from round to round. Pure. */
import { isMemory, type Counts } from './counts.ts';

/** Caches, pools and compiled code grow in the first ones. */
export const WARM_ROUNDS = 5;
/** Memory moves with the garbage collector. */
const MEMORY_SHARE = 0.1;
/** Threads and connections come and go by a few, whatever the number of rounds. */
const SLACK: Readonly<Record<string, number>> = { descriptors: 5, threads: 5 };

export interface Growth {
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

/**
 * Counts that are higher at the end than in any of the first rounds; memory: the mean of the last
 * third by more than a tenth than that of the third before.
 */
export function growthOf(rounds: readonly Counts[]): Growth[] {
  const last = rounds.at(-1) ?? new Map<string, number>();
  return [...last.keys()].flatMap((name) => {
    const values = rounds.map((counts) => counts.get(name) ?? 0);
    const growth = isMemory(name) ? memoryGrowth(values) : countGrowth(name, values);
    return growth === undefined ? [] : [{ name, ...growth }];
  });
}

type Change = Omit<Growth, 'name'>;

function countGrowth(name: string, values: readonly number[]): Change | undefined {
  const before = Math.max(...values.slice(0, WARM_ROUNDS));
  const after = values.at(-1) ?? 0;
  const kind = name.split(', ').at(-1) ?? '';
  return after > before + (SLACK[kind] ?? 0) ? { before, after } : undefined;
}

function memoryGrowth(values: readonly number[]): Change | undefined {
  const third = Math.floor(values.length / 3);
  if (third === 0) return undefined;
  const before = mean(values.slice(-2 * third, -third));
  const after = mean(values.slice(-third));
  return after > before * (1 + MEMORY_SHARE) ? { before, after } : undefined;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
