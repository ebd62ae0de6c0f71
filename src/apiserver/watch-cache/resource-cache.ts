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

/** What a listener cares about: objects whose `field` has this value, before or after the event. */
export interface FieldInterest {
  readonly field: string;
  readonly value: string;
  /** The same function for each interest in one field. */
  readonly valueOf: (entry: Entry) => string;
}

/** Listeners by the value of one field, so that an event of a Pod wakes one kubelet's watch of all. */
interface FieldListeners {
  readonly valueOf: (entry: Entry) => string;
  readonly byValue: Map<string, Set<CacheListener>>;
}

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
  readonly #fieldListeners = new Map<string, FieldListeners>();

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
    for (const { valueOf, byValue } of this.#fieldListeners.values()) {
      const value = valueOf(event.entry);
      const before = event.previous === undefined ? value : valueOf(event.previous);
      for (const listener of byValue.get(value) ?? []) listener(event);
      if (before !== value) for (const listener of byValue.get(before) ?? []) listener(event);
    }
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

  /** Calls `listener` for each event; with `interest`, for no others than may concern it. */
  subscribe(listener: CacheListener, interest?: FieldInterest): () => void {
    if (interest !== undefined) return this.#subscribeToField(listener, interest);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  #subscribeToField(listener: CacheListener, { field, value, valueOf }: FieldInterest): () => void {
    let listeners = this.#fieldListeners.get(field);
    if (listeners === undefined) {
      listeners = { valueOf, byValue: new Map() };
      this.#fieldListeners.set(field, listeners);
    }
    const { byValue } = listeners;
    const interested = byValue.get(value) ?? new Set();
    byValue.set(value, interested.add(listener));
    return () => {
      interested.delete(listener);
      if (interested.size === 0 && byValue.get(value) === interested) byValue.delete(value);
      if (byValue.size === 0) this.#fieldListeners.delete(field);
    };
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
