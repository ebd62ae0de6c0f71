/**
 * Which lines of two texts stand in both, as Python's difflib finds them (SequenceMatcher): the
 * longest run first, then what is left and right of it.
 *
 * Source: difflib of Python's library, which go-difflib follows.
 */
type Block = readonly [left: number, right: number, size: number];

/** Texts of so many lines and more have lines that are too frequent to begin a match. */
const MANY_LINES = 200;

/** In order; the last one is of no lines, at the ends. */
export function matchingBlocks(left: readonly string[], right: readonly string[]): Block[] {
  const places = placesOf(right);
  const found: Block[] = [];
  const queue: [number, number, number, number][] = [[0, left.length, 0, right.length]];
  for (let range = queue.pop(); range !== undefined; range = queue.pop()) {
    const [from, to, start, end] = range;
    const block = longestMatch({ left, right, places }, range);
    const [a, b, size] = block;
    if (size === 0) continue;
    found.push(block);
    if (from < a && start < b) queue.push([from, a, start, b]);
    if (a + size < to && b + size < end) queue.push([a + size, to, b + size, end]);
  }
  found.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  return [...joined(found), [left.length, right.length, 0]];
}

/** Blocks that follow one another are one. */
function joined(blocks: readonly Block[]): Block[] {
  const all: Block[] = [];
  for (const [a, b, size] of blocks) {
    const last = all.at(-1);
    if (last !== undefined && last[0] + last[2] === a && last[1] + last[2] === b)
      all[all.length - 1] = [last[0], last[1], last[2] + size];
    else all.push([a, b, size]);
  }
  return all;
}

/** Where each line stands, but those that are everywhere. */
function placesOf(lines: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  for (const [i, line] of lines.entries()) {
    const known = places.get(line);
    if (known === undefined) places.set(line, [i]);
    else known.push(i);
  }
  if (lines.length < MANY_LINES) return places;
  const most = Math.floor(lines.length / 100) + 1;
  for (const [line, at] of places) if (at.length > most) places.delete(line);
  return places;
}

interface Texts {
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly places: ReadonlyMap<string, readonly number[]>;
}

function longestMatch(
  { left, right, places }: Texts,
  [from, to, start, end]: readonly [number, number, number, number],
): Block {
  let [a, b, size] = [from, start, 0];
  let lengths = new Map<number, number>();
  for (let i = from; i < to; i++) {
    const next = new Map<number, number>();
    for (const j of places.get(left[i] ?? '') ?? []) {
      if (j < start) continue;
      if (j >= end) break;
      const length = (lengths.get(j - 1) ?? 0) + 1;
      next.set(j, length);
      if (length > size) [a, b, size] = [i - length + 1, j - length + 1, length];
    }
    lengths = next;
  }
  // Lines that are everywhere begin no match, but they go on with one.
  while (a > from && b > start && left[a - 1] === right[b - 1])
    [a, b, size] = [a - 1, b - 1, size + 1];
  while (a + size < to && b + size < end && left[a + size] === right[b + size]) size++;
  return [a, b, size];
}
