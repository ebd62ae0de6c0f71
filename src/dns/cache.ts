/**
 * Answers of other servers, kept for as long as they say, as CoreDNS's plug-in `cache` does: one
 * cache for "yes" and one for "no" and failures, each of `CAPACITY` answers, of which the least
 * recently used goes when another one comes. At most about 40 MB each, and a hundredth of that with
 * answers of the usual length.
 *
 * Kept as bytes without OPT: a hit copies them, puts in the client's id and question, and the
 * seconds that are left. Nothing is served stale, nothing is fetched ahead.
 */
import { type ForeignAnswer, kindOf } from './foreign.ts';
import type { Query } from './wire.ts';

/** Answers of one cache: CoreDNS's 256 shards of 39. */
export const CAPACITY = 9_984;
/** An answer larger than this is not worth keeping. */
const ENTRY_BYTES_MAX = 4_096;
/** Seconds that an answer is kept, whatever it says; a configuration may only lower the upper ones. */
const SUCCESS_TTL_MAX = 3_600;
const DENIAL_TTL_MAX = 1_800;
const TTL_MIN = 5;
const FAILURE_TTL = 5;

export interface CacheEntry {
  readonly bytes: Uint8Array;
  readonly ttlOffsets: readonly number[];
  readonly expiresMs: number;
}

/** A hit: the answer, and how many seconds it may still be kept (at least 1). */
export interface Hit {
  readonly entry: CacheEntry;
  readonly ttlSeconds: number;
  readonly type: CacheType;
}

export type CacheType = 'success' | 'denial';

/** How many seconds `answer` is kept, and so how long its TTLs are for clients; 0: it is not. */
export function keptSeconds(answer: ForeignAnswer, cacheSeconds: number): number {
  const kind = kindOf(answer);
  if (kind === undefined || cacheSeconds === 0) return 0;
  if (kind === 'failure') return FAILURE_TTL;
  const most = Math.min(cacheSeconds, kind === 'denial' ? DENIAL_TTL_MAX : SUCCESS_TTL_MAX);
  return Math.min(most, Math.max(TTL_MIN, answer.ttlSeconds ?? TTL_MIN));
}

export class AnswerCache {
  readonly #entries = {
    success: new Map<string, CacheEntry>(),
    denial: new Map<string, CacheEntry>(),
  };
  readonly #onEviction: (type: CacheType) => void;

  constructor(onEviction: (type: CacheType) => void = () => {}) {
    this.#onEviction = onEviction;
  }

  size(type: CacheType): number {
    return this.#entries[type].size;
  }

  clear(): void {
    this.#entries.success.clear();
    this.#entries.denial.clear();
  }

  /** The answer under `key` from before, or undefined. `nowMs`: monotonic. */
  get(key: string, nowMs: number): Hit | undefined {
    return this.#get('denial', key, nowMs) ?? this.#get('success', key, nowMs);
  }

  #get(type: CacheType, key: string, nowMs: number): Hit | undefined {
    const entries = this.#entries[type];
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    entries.delete(key);
    const ttlSeconds = Math.ceil((entry.expiresMs - nowMs) / 1000);
    if (ttlSeconds <= 0) return undefined;
    entries.set(key, entry);
    return { entry, ttlSeconds, type };
  }

  /** Keeps `bytes`, which read as `answer`, for so many seconds. */
  put(
    key: string,
    bytes: Uint8Array,
    answer: ForeignAnswer,
    time: { seconds: number; nowMs: number },
  ): void {
    if (bytes.length > ENTRY_BYTES_MAX || time.seconds <= 0) return;
    const type = kindOf(answer) === 'success' ? 'success' : 'denial';
    this.#entries[type === 'success' ? 'denial' : 'success'].delete(key);
    const entries = this.#entries[type];
    entries.delete(key);
    const oldest = entries.keys().next();
    if (entries.size >= CAPACITY && oldest.done !== true) {
      entries.delete(oldest.value);
      this.#onEviction(type);
    }
    entries.set(key, {
      bytes: Uint8Array.from(bytes),
      ttlOffsets: answer.ttlOffsets,
      expiresMs: time.nowMs + time.seconds * 1000,
    });
  }
}

/** Two queries with one key have one answer, but for id, the case of letters and OPT. */
export function cacheKey(query: Query): string {
  const flags =
    (query.recursionDesired ? 1 : 0) |
    (query.checkingDisabled ? 2 : 0) |
    (query.authenticDataWanted ? 4 : 0) |
    (query.edns?.dnssecOk === true ? 8 : 0);
  return `${query.name} ${query.type} ${flags}`;
}
