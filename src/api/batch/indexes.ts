/**
 * Indexes of an indexed job as text: `1,3-5,7`.
 *
 * Source: upstream pkg/apis/batch/validation/validation.go for syntax and messages.
 */

/** The text is no list of indexes; the message says why. */
export class IndexError extends Error {}

export interface Interval {
  readonly first: number;
  readonly last: number;
}

/** Reads intervals below `completions` in increasing order. Throws IndexError. */
export function parseIndexes(
  text: string,
  completions: number,
): { readonly intervals: readonly Interval[]; readonly total: number } {
  const intervals: Interval[] = [];
  let total = 0;
  for (const part of text === '' ? [] : text.split(',')) {
    const interval = parseInterval(part, completions);
    const previous = intervals.at(-1);
    if (previous !== undefined && previous.last >= interval.first) {
      throw new IndexError(
        `non-increasing order, previous: ${previous.last}, current: ${interval.first}`,
      );
    }
    intervals.push(interval);
    total += interval.last - interval.first + 1;
  }
  return { intervals, total };
}

function parseInterval(text: string, completions: number): Interval {
  const parts = text.split('-');
  if (parts.length > 2) {
    throw new IndexError(
      `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`,
    );
  }
  const [first = 0, last = first] = parts.map((part) => parseIndex(part, completions));
  if (parts.length === 2 && first >= last) {
    throw new IndexError(`non-increasing order, previous: ${first}, current: ${last}`);
  }
  return { first, last };
}

function parseIndex(text: string, completions: number): number {
  if (!/^\+?\d+$/.test(text))
    throw new IndexError(`cannot convert string to integer for index: ${JSON.stringify(text)}`);
  if (Number(text) >= completions) throw new IndexError(`too large index: ${JSON.stringify(text)}`);
  return Number(text);
}

/** The first index that is in both lists. */
export function firstOverlap(
  left: readonly Interval[],
  right: readonly Interval[],
): number | undefined {
  for (const a of left) {
    const b = right.find(({ first, last }) => a.first <= last && first <= a.last);
    if (b !== undefined) return Math.max(a.first, b.first);
  }
  return undefined;
}
