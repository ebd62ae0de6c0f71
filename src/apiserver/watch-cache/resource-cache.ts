/**
 * The current objects of one resource, in key order, and the events that led here.
 *
 * Source of the rules: API concepts, "Efficient detection of changes"; upstream
 * staging/src/k8s.io/apiserver/pkg/storage/cacher.
 */
import type { Entry } from './entry.ts';

export interface CacheEvent {
  readonly type: 'put' | 'delete';
  readonly revision: number;
  /** The object after the event; for a delete, the last state at the delete's revision. */
  readonly entry: Entry;
  /** The object before, where there was one. */
  readonly previous?: Entry;
}

/** Events kept for watches that resume. Older ones answer 410. */
const WINDOW_MAX = 4096;

export type CacheListener = (event: CacheEvent) => void;

export class ResourceCache {
  /** The store's prefix: `/registry/pods/`. */
  readonly prefix: string;
  readonly #entries = new Map<string, Entry>();
  #keys: string[] = [];
  /** Keys were added out of order since `#keys` was sorted. */
  #unsorted = false;
  readonly #window: CacheEvent[] = [];
  /** Events up to here are not in the window any more. */
  #windowStart = 0;
  readonly #listeners = new Set<CacheListener>();

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** The cache will be loaded with the state at `revision`; what came before is not known. */
  begin(revision: number): void {
    this.#windowStart = revision;
  }

  /** The revision of the newest event: the objects are the same at every later revision. */
  get changedAt(): number {
    return this.#window.at(-1)?.revision ?? this.#windowStart;
  }
  /** The revision after which every event is still known. */
  get windowStart(): number {
    return this.#windowStart;
  }
  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Entries with `prefix` in key order, behind `after` when given. */
  *range(prefix: string, after = ''): Generator<Entry> {
    const keys = this.#sorted();
    for (let i = lowerBound(keys, after > prefix ? after : prefix); i < keys.length; i++) {
      const key = keys[i];
      if (key === undefined || !key.startsWith(prefix)) return;
      if (key === after) continue;
      const entry = this.#entries.get(key);
      if (entry !== undefined) yield entry;
    }
  }

  /** Called by the hub alone, in order of revision. */
  load(entry: Entry): void {
    if (!this.#entries.has(entry.key)) this.#addKey(entry.key);
    this.#entries.set(entry.key, entry);
  }

  apply(event: CacheEvent): void {
    const { key } = event.entry;
    if (event.type === 'put') {
      if (!this.#entries.has(key)) this.#addKey(key);
      this.#entries.set(key, event.entry);
    } else if (this.#entries.delete(key)) {
      const keys = this.#sorted();
      const at = lowerBound(keys, key);
      if (keys[at] === key) keys.splice(at, 1);
    }
    this.#window.push(event);
    if (this.#window.length > WINDOW_MAX * 1.25) {
      const dropped = this.#window.splice(0, this.#window.length - WINDOW_MAX);
      this.#windowStart = dropped.at(-1)?.revision ?? this.#windowStart;
    }
    for (const listener of this.#listeners) listener(event);
  }

  /** Events after `revision`, or undefined when some of them are no longer known. */
  since(revision: number): readonly CacheEvent[] | undefined {
    if (revision < this.#windowStart) return undefined;
    let low = 0;
    let high = this.#window.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#window[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#window.slice(low);
  }

  subscribe(listener: CacheListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #addKey(key: string): void {
    const last = this.#keys.at(-1);
    if (last === undefined || last < key) {
      this.#keys.push(key);
      return;
    }
    if (this.#unsorted) {
      this.#keys.push(key);
      return;
    }
    // One insertion moves memory; a burst of them is sorted once, at the next read.
    this.#keys.push(key);
    this.#unsorted = true;
  }

  #sorted(): string[] {
    if (this.#unsorted) {
      this.#keys.sort();
      this.#unsorted = false;
    }
    return this.#keys;
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
