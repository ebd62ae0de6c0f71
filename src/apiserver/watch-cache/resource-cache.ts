/**
 * The current objects of one resource, in key order, and the events that led here.
 *
 * Source of the rules: API concepts, "Efficient detection of changes"; upstream
 * staging/src/k8s.io/apiserver/pkg/storage/cacher.
 */
import { SortedEntries } from '#base/sorted-entries.ts';
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
/** Fewer are kept where objects are large: as many as have so many bytes, but never fewer than these. */
const WINDOW_MAX_BYTES = 32 * 1024 * 1024;
const WINDOW_MIN = 100;

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
  /** The same in the order of their keys, so that a list is a slice. */
  readonly #sorted = new SortedEntries<Entry>();
  /** Of all objects together. */
  #bytes = 0;
  readonly #window: CacheEvent[] = [];
  /** Of the objects of its events. */
  #windowBytes = 0;
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
  /** Of all objects together, as they are stored. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Entries with `prefix` in key order, behind `after` when given. The array is the caller's. */
  range(prefix: string, after = ''): Entry[] {
    // No key is between another and the same with this character behind it.
    const from = after > prefix ? `${after}\0` : prefix;
    return this.#sorted.range(from, endOf(prefix));
  }

  /** Called by the hub alone, in order of revision. */
  load(entry: Entry): void {
    this.#set(entry);
  }

  apply(event: CacheEvent): void {
    const { key } = event.entry;
    if (event.type === 'put') this.#set(event.entry);
    else this.#delete(key);
    this.#window.push(event);
    this.#windowBytes += event.entry.bytes.length;
    this.#trimWindow();
    for (const listener of this.#listeners) listener(event);
    for (const { valueOf, byValue } of this.#fieldListeners.values()) {
      const value = valueOf(event.entry);
      const before = event.previous === undefined ? value : valueOf(event.previous);
      for (const listener of byValue.get(value) ?? []) listener(event);
      if (before !== value) for (const listener of byValue.get(before) ?? []) listener(event);
    }
  }

  /** A quarter beyond a limit, so that it is done once for many events. */
  #trimWindow(): void {
    const isLong = this.#window.length > WINDOW_MAX * 1.25;
    const isLarge =
      this.#windowBytes > WINDOW_MAX_BYTES * 1.25 && this.#window.length > WINDOW_MIN * 1.25;
    if (!isLong && !isLarge) return;
    let drop = 0;
    let bytes = this.#windowBytes;
    const most = this.#window.length - WINDOW_MIN;
    while (drop < most && (this.#window.length - drop > WINDOW_MAX || bytes > WINDOW_MAX_BYTES))
      bytes -= this.#window[drop++]?.entry.bytes.length ?? 0;
    const dropped = this.#window.splice(0, drop);
    this.#windowBytes = bytes;
    this.#windowStart = dropped.at(-1)?.revision ?? this.#windowStart;
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

  #delete(key: string): void {
    const known = this.#entries.get(key);
    if (known === undefined) return;
    this.#bytes -= known.bytes.length;
    this.#entries.delete(key);
    this.#sorted.delete(key);
  }

  #set(entry: Entry): void {
    this.#bytes += entry.bytes.length - (this.#entries.get(entry.key)?.bytes.length ?? 0);
    this.#entries.set(entry.key, entry);
    this.#sorted.set(entry);
  }
}

/** Behind all keys with this prefix: keys are of characters far below this one. */
function endOf(prefix: string): string {
  return `${prefix}\uffff`;
}
