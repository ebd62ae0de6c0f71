/**
 * Answers of other servers, kept for as long as they say, least recently used out first.
 *
 * Kept as bytes: a hit copies them, puts in the client's id and question and counts the TTLs down.
 */
import { type Query, RCODE, readForeignAnswer } from './wire.ts';

const ENTRIES_MAX = 10_000;
/** An answer larger than this is not worth keeping. */
const ENTRY_BYTES_MAX = 4_096;
/** No "yes" is kept longer than this, no "no" longer than that: the cluster's users wait for changes. */
const TTL_SECONDS_MAX = 30;
const NEGATIVE_TTL_SECONDS_MAX = 5;

interface Entry {
  readonly bytes: Uint8Array;
  readonly ttlOffsets: readonly number[];
  readonly storedMs: number;
  readonly expiresMs: number;
}

export class AnswerCache {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** The answer to `query` from before, or undefined. `nowMs`: monotonic. */
  get(query: Query, nowMs: number): Uint8Array | undefined {
    const key = cacheKey(query);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.expiresMs <= nowMs) return undefined;
    this.#entries.set(key, entry);
    return aged(entry, query, Math.floor((nowMs - entry.storedMs) / 1000));
  }

  /** Keeps `bytes`, an answer to `query`, when it may be kept. */
  put(query: Query, bytes: Uint8Array, nowMs: number): void {
    const parsed = readForeignAnswer(bytes);
    if (parsed === undefined || parsed.truncated || bytes.length > ENTRY_BYTES_MAX) return;
    if (parsed.rcode !== RCODE.noError && parsed.rcode !== RCODE.nxDomain) return;
    const limit = parsed.answers > 0 ? TTL_SECONDS_MAX : NEGATIVE_TTL_SECONDS_MAX;
    const seconds = Math.min(limit, parsed.ttlSeconds ?? 0);
    if (seconds <= 0) return;
    const oldest = this.#entries.keys().next();
    if (this.#entries.size >= ENTRIES_MAX && oldest.done !== true)
      this.#entries.delete(oldest.value);
    this.#entries.set(cacheKey(query), {
      bytes: Uint8Array.from(bytes),
      ttlOffsets: parsed.ttlOffsets,
      storedMs: nowMs,
      expiresMs: nowMs + seconds * 1000,
    });
  }
}

/** Two queries with one key have one answer, but for id and the case of letters. */
export function cacheKey(query: Query): string {
  const edns = query.edns === undefined ? '-' : query.edns.dnssecOk ? 'd' : 'e';
  const flags = `${query.recursionDesired ? 'r' : ''}${query.checkingDisabled ? 'c' : ''}`;
  return `${query.name} ${query.type} ${query.class} ${edns}${flags}`;
}

/** A foreign answer as `query` must get it: its id, its question letter by letter. */
export function readdressed(bytes: Uint8Array, query: Query): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(query.id, 0);
  copy.set(query.question, 12);
  return copy;
}

function aged(entry: Entry, query: Query, ageSeconds: number): Uint8Array {
  const copy = Buffer.from(readdressed(entry.bytes, query));
  for (const offset of entry.ttlOffsets) {
    copy.writeUInt32BE(Math.max(0, copy.readUInt32BE(offset) - ageSeconds), offset);
  }
  return copy;
}
