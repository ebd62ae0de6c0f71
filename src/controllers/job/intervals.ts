/**
 * Sets of indexes as sorted intervals that do not touch: what `status.completedIndexes` is made of.
 * A Job of 100,000 completions is then a few intervals, and its text stays short.
 *
 * Upstream: orderedIntervals in pkg/controller/job/indexed_job_utils.go, v1.36.
 */
import { IndexError, type Interval, parseIndexes } from '#api/batch/indexes.ts';

export type Intervals = readonly Interval[];

/**
 * Reads `1,3-5`, with the indexes below `completions`. What is beyond is cut off (the Job has been
 * scaled down), and a text that is malformed counts as far as it can be read.
 */
export function readIntervals(text: string, completions: number): Intervals {
  const read: Interval[] = [];
  for (const part of text === '' ? [] : text.split(',')) {
    const interval = readOne(part);
    if (interval === undefined) continue;
    if (interval.first >= completions) break;
    read.push({ first: interval.first, last: Math.min(interval.last, completions - 1) });
  }
  return merge([], read);
}

function readOne(text: string): Interval | undefined {
  try {
    return parseIndexes(text, Number.MAX_SAFE_INTEGER).intervals[0];
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}

/** Both sets; each sorted by `first`. */
export function merge(a: Intervals, b: Intervals): Intervals {
  const merged: { first: number; last: number }[] = [];
  let [i, j] = [0, 0];
  for (;;) {
    const [x, y] = [a[i], b[j]];
    const takeX = x !== undefined && (y === undefined || x.first < y.first);
    const next = takeX ? x : y;
    if (next === undefined) return merged;
    if (takeX) i++;
    else j++;
    const last = merged.at(-1);
    if (last === undefined || next.first > last.last + 1) merged.push({ ...next });
    else last.last = Math.max(last.last, next.last);
  }
}

/** The set of these indexes, in any order. */
export function intervalsOf(indexes: Iterable<number>): Intervals {
  const sorted = [...indexes].sort((a, b) => a - b);
  return merge(
    [],
    sorted.map((index) => ({ first: index, last: index })),
  );
}

/** How many indexes. */
export function total(intervals: Intervals): number {
  return intervals.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

export function has(intervals: Intervals, index: number): boolean {
  let [low, high] = [0, intervals.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((intervals[middle]?.last ?? 0) >= index) high = middle;
    else low = middle + 1;
  }
  const found = intervals[low];
  return found !== undefined && found.first <= index;
}

/** `0,2,3,5-7`: two neighbours are written as two. */
export function intervalsText(intervals: Intervals): string {
  return intervals
    .map(({ first, last }) => {
      if (first === last) return String(first);
      return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
    })
    .join(',');
}

/** How many indexes are in both. */
export function overlap(a: Intervals, b: Intervals): number {
  let common = 0;
  for (let [i, j] = [0, 0]; ; ) {
    const [x, y] = [a[i], b[j]];
    if (x === undefined || y === undefined) return common;
    common += Math.max(0, Math.min(x.last, y.last) - Math.max(x.first, y.first) + 1);
    if (x.last <= y.last) i++;
    if (y.last <= x.last) j++;
  }
}
