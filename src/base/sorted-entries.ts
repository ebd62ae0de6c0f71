/**
 * Entries in the order of their keys. They lie in chunks, so that one more among a hundred thousand
 * moves a thousand of them and not all.
 */

export interface Keyed {
  readonly key: string;
}

/** A chunk that is longer is cut in two. */
const CHUNK_MAX = 1024;

export class SortedEntries<E extends Keyed> {
  /** None is empty; the keys of each come before those of the next. */
  readonly #chunks: E[][] = [];

  /** Puts the entry in its place, or in that of the one with its key. */
  set(entry: E): void {
    const { key } = entry;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      // Behind all others.
      const last = this.#chunks.at(-1);
      if (last === undefined || last.length >= CHUNK_MAX) this.#chunks.push([entry]);
      else last.push(entry);
      return;
    }
    const place = lowerBound(chunk, key);
    if (chunk[place]?.key === key) {
      chunk[place] = entry;
      return;
    }
    chunk.splice(place, 0, entry);
    if (chunk.length > CHUNK_MAX)
      this.#chunks.splice(at + 1, 0, chunk.splice(Math.floor(chunk.length / 2)));
  }

  delete(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at] ?? [];
    const place = lowerBound(chunk, key);
    if (chunk[place]?.key !== key) return;
    chunk.splice(place, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Of each, what `pick` says, in the order of keys. */
  map<R>(pick: (entry: E) => R): R[] {
    const found: R[] = [];
    for (const chunk of this.#chunks) for (const entry of chunk) found.push(pick(entry));
    return found;
  }

  /** Those with `from` ≤ key < `to`, in order. The array is the caller's. */
  range(from: string, to: string): E[] {
    const parts: E[][] = [];
    for (let at = this.#chunkOf(from); at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at] ?? [];
      const first = chunk[0];
      if (first === undefined || first.key >= to) break;
      const start = first.key >= from ? 0 : lowerBound(chunk, from);
      const last = chunk.at(-1);
      const end = last !== undefined && last.key < to ? chunk.length : lowerBound(chunk, to);
      parts.push(chunk.slice(start, end));
    }
    return parts.length === 1 ? (parts[0] ?? []) : parts.flat();
  }

  /** The first chunk whose last key is `key` or comes after it; the number of chunks when none is. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.at(-1)?.key ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The place of the first entry whose key is `key` or comes after it. */
function lowerBound(entries: readonly Keyed[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
