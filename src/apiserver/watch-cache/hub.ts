/**
 * One watch on the whole store, dealt out to one cache a resource.
 *
 * All caches stand at one revision at all times, so a list that needs "everything up to now" waits
 * for one number. The store is read once, at the start; later everything comes by the watch, which
 * shows a revision only after its commit is durable.
 */
import { type Environment, timeoutSignal } from '#base/env.ts';
import type { Store, StoreEvent, Watch } from '#store/store.ts';
import { type Entry, MessageCache, ParsedCache } from './entry.ts';
import { ResourceCache } from './resource-cache.ts';

/** Everything the API server keeps is below this key. */
/** Above everything that is stored. */
export const REGISTRY = '/registry/';
/** A store counts what is left behind each page: of many small ones that is most of a start. */
const PAGE = 10_000;
/** How long a read waits for a revision that the cache has not reached (upstream: 3 s). */
const FRESH_WAIT_MS = 3_000;

interface Waiter {
  readonly revision: number;
  readonly wake: () => void;
}

export class WatchHub {
  readonly store: Store;
  readonly parsed: ParsedCache;
  readonly messages = new MessageCache();
  readonly #environment: Environment;
  readonly #caches = new Map<string, ResourceCache>();
  /** Lists and watches from before this revision are refused: the store was told to forget it. */
  compacted = 0;
  #revision = 0;
  #watch: Watch | undefined;
  #waiters: Waiter[] = [];
  readonly #revisionListeners = new Set<(revision: number) => void>();
  /** Called when the store's watch ends: the server must stop serving what it cannot see. */
  onLost: (error: Error) => void = () => {};

  constructor(store: Store, environment: Environment, parsed = new ParsedCache()) {
    this.store = store;
    this.parsed = parsed;
    this.#environment = environment;
  }

  /** The revision that all caches show. */
  get revision(): number {
    return this.#revision;
  }

  /** The cache for a prefix, for example `pods`. Built-in prefixes are named before `start`. */
  cache(storagePrefix: string): ResourceCache {
    return this.#cache(`${REGISTRY}${storagePrefix}/`);
  }

  #cache(prefix: string): ResourceCache {
    let cache = this.#caches.get(prefix);
    if (cache === undefined) {
      cache = new ResourceCache(prefix);
      cache.begin(this.#revision);
      this.#caches.set(prefix, cache);
    }
    return cache;
  }

  /** Forgets a custom resource's cache: its definition is gone, and its objects before it. */
  forget(storagePrefix: string): void {
    this.#caches.delete(`${REGISTRY}${storagePrefix}/`);
  }

  /** Reads the store and follows it. All caches have been made before. */
  async start(): Promise<void> {
    const revision = await this.store.revision();
    this.#revision = revision;
    for (const cache of this.#caches.values()) cache.begin(revision);
    let after: string | undefined;
    for (;;) {
      const page = await this.store.list(REGISTRY, {
        revision,
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      for (const item of page.items) {
        this.#cacheOf(item.key)?.load({
          key: item.key,
          revision: item.modRevision,
          createRevision: item.createRevision,
          bytes: item.value,
        });
      }
      after = page.items.at(-1)?.key;
      if (page.remaining === 0 || after === undefined) break;
    }
    this.#watch = await this.store.watch(REGISTRY, revision, {
      onEvents: (events, at) => this.#onEvents(events, at),
      onEnd: (error) => this.onLost(error),
    });
  }

  stop(): void {
    this.#watch?.close();
    for (const waiter of this.#waiters.splice(0)) waiter.wake();
  }

  /** Resolves true when the caches show `revision`; false after three seconds. */
  async waitFor(revision: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#revision >= revision) return true;
    const limit = timeoutSignal(this.#environment, FRESH_WAIT_MS, signal);
    await new Promise<void>((resolve) => {
      const waiter: Waiter = { revision, wake: resolve };
      this.#waiters.push(waiter);
      limit.signal.addEventListener('abort', () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve();
      });
    });
    limit.release();
    return this.#revision >= revision;
  }

  /** Waits until the caches show all that was written before this call. */
  async waitForNow(signal?: AbortSignal): Promise<boolean> {
    return this.waitFor(await this.store.revision(), signal);
  }

  /** Calls `listener` after each batch of events, with the revision that the caches now show. */
  onRevision(listener: (revision: number) => void): () => void {
    this.#revisionListeners.add(listener);
    return () => this.#revisionListeners.delete(listener);
  }

  #onEvents(events: readonly StoreEvent[], revision: number): void {
    for (const event of events) this.#apply(event);
    this.#revision = revision;
    if (this.#waiters.length > 0) {
      const due = this.#waiters.filter((waiter) => waiter.revision <= revision);
      this.#waiters = this.#waiters.filter((waiter) => waiter.revision > revision);
      for (const waiter of due) waiter.wake();
    }
    for (const listener of this.#revisionListeners) listener(revision);
  }

  #apply(event: StoreEvent): void {
    const cache = this.#cacheOf(event.key);
    if (cache === undefined) return;
    const previous = cache.get(event.key);
    if (previous !== undefined) this.messages.forget(previous);
    const entry: Entry = {
      key: event.key,
      revision: event.revision,
      createRevision: event.createRevision,
      bytes: event.type === 'delete' && previous !== undefined ? previous.bytes : event.value,
    };
    cache.apply({
      type: event.type,
      revision: event.revision,
      entry,
      ...(previous === undefined ? {} : { previous }),
    });
  }

  /**
   * A resource's prefix has one segment (`pods`) or two (`services/specs`). Custom resources have
   * two, the first a group with a dot: their cache is made when the first object comes, for their
   * definition may be read later.
   */
  #cacheOf(key: string): ResourceCache | undefined {
    const first = key.indexOf('/', REGISTRY.length) + 1;
    const cache = this.#caches.get(key.slice(0, first));
    if (cache !== undefined) return cache;
    const second = key.indexOf('/', first) + 1;
    if (second === 0) return undefined;
    const known = this.#caches.get(key.slice(0, second));
    if (known !== undefined) return known;
    const isCustom = key.slice(REGISTRY.length, first).includes('.');
    return isCustom ? this.#cache(key.slice(0, second)) : undefined;
  }
}
