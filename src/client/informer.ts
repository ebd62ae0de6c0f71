/**
 * Informers: a local copy of a collection, kept up to date by list and watch.
 *
 *   list (pages) ─▶ replace the cache, tell the differences ─▶ watch from there ─▶ apply each event
 *        ▲                                                        │ 410: the past is gone
 *        └────────────────────────────────────────────────────────┘
 *
 * Objects in the cache are shared by all readers and must not be changed. Upstream:
 * staging/src/k8s.io/client-go/tools/cache/{reflector,shared_informer,thread_safe_store}.go, v1.36.
 */
import type { KubeObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import { type Environment, sleep } from '#base/env.ts';
import { Backoff } from './backoff.ts';
import type { Client, ListOptions, ResourceType, WatchEvent } from './client.ts';
import { ObjectCache } from './object-cache.ts';

/** Objects in one request of a list. */
const PAGE_SIZE = 500;
/** The server ends a watch after this long or up to twice that; all of them at once would hurt. */
const WATCH_TIMEOUT_SECONDS = 300;
/** A watch that ends sooner and brought nothing is a failure, not an end. */
const WATCH_SHORT_MS = 1000;

export interface InformerOptions<T extends KubeObject> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly metadataOnly?: boolean;
  /**
   * Applied to each object before it is kept, to save memory. Answers a new object: what it gets
   * may be shared with other readers.
   */
  readonly transform?: (object: T) => T;
}

export interface Change<T> {
  readonly type: 'added' | 'modified' | 'deleted';
  /** `namespace/name`, or `name`. */
  readonly key: string;
  /** The new state; for a deletion the last one known. */
  readonly object: T;
  /** What the cache held before. */
  readonly previous?: T;
}

export type ChangeHandler<T> = (change: Change<T>) => void;

/** `namespace/name` of an object; `name` when it has no namespace. */
export function keyOf(object: KubeObject): string {
  return keyFor(object.metadata?.name ?? '', object.metadata?.namespace);
}

export function keyFor(name: string, namespace?: string): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The way back from `keyOf`. */
export function splitKey(key: string): { readonly name: string; readonly namespace?: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export class Informer<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly #client: Client;
  readonly #environment: Environment;
  readonly #options: InformerOptions<T>;
  readonly #cache = new ObjectCache<T>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #revisionHandlers = new Set<() => void>();
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  #started = false;
  #resourceVersion = 0;

  constructor(options: {
    readonly client: Client;
    readonly environment: Environment;
    readonly type: ResourceType<T>;
    readonly selection?: InformerOptions<T>;
  }) {
    this.type = options.type;
    this.#client = options.client;
    this.#environment = options.environment;
    this.#options = options.selection ?? {};
  }

  /** Starts to list and watch, until `signal` is aborted. A second call does nothing. */
  start(signal: AbortSignal): void {
    if (this.#started) return;
    this.#started = true;
    this.#run(signal).catch((error: unknown) => {
      this.#environment.log.error('informer ended', {
        resource: this.type.plural,
        error: String(error),
      });
    });
  }

  /** Resolves when the first list is in the cache. */
  synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /**
   * The newest revision that the cache has seen, as a number: by list, event or bookmark. Whoever
   * wrote at revision r to this collection sees the write here when this is r or more.
   */
  get resourceVersion(): number {
    return this.#resourceVersion;
  }

  get size(): number {
    return this.#cache.size;
  }

  /** The object with this key (`namespace/name` or `name`). */
  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  /** All objects, or those of one namespace. */
  list(namespace?: string): T[] {
    return this.#cache.list(namespace);
  }

  /**
   * Keeps an index: `valuesOf` says under which values an object is found by `byIndex`. The same
   * name twice keeps the first function.
   */
  index(name: string, valuesOf: (object: T) => readonly string[]): void {
    this.#cache.index(name, valuesOf);
  }

  /** In the order of keys. */
  byIndex(name: string, value: string): T[] {
    return this.#cache.byIndex(name, value);
  }

  /**
   * Calls `handler` for each change from now on, and first with `added` for all that is there.
   * Returns the way to stop.
   */
  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#cache.list()) handler({ type: 'added', key: keyOf(object), object });
    return () => this.#handlers.delete(handler);
  }

  /** Calls `handler` whenever `resourceVersion` has grown, after the change was told. */
  onRevision(handler: () => void): () => void {
    this.#revisionHandlers.add(handler);
    return () => this.#revisionHandlers.delete(handler);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(this.#environment);
    let listed = false;
    while (!signal.aborted) {
      try {
        if (!listed) await this.#list();
        listed = true;
        if (signal.aborted) return;
        const isUseful = await this.#watch(signal, backoff);
        if (!isUseful) await sleep(this.#environment, backoff.next(), signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isPastGone(error)) listed = false;
        const delayMs = backoff.next();
        this.#logFailure(error, delayMs);
        await sleep(this.#environment, delayMs, signal);
      }
    }
  }

  #logFailure(error: unknown, delayMs: number): void {
    this.#environment.log.debug('list or watch failed', {
      resource: this.type.plural,
      error: error instanceof Error ? error.message : String(error),
      retryMs: Math.round(delayMs),
    });
  }

  /** Reads the whole collection, page by page, and replaces the cache by it. */
  async #list(): Promise<void> {
    const items: T[] = [];
    let token: string | undefined;
    let revision: string;
    do {
      const page = await this.#client.list(this.type, {
        ...this.#selection(),
        limit: PAGE_SIZE,
        ...(token === undefined ? {} : { continue: token }),
      });
      for (const item of page.items) items.push(this.#kept(item));
      ({ continue: token, resourceVersion: revision } = page);
    } while (token !== undefined);
    this.#replace(items, revision);
  }

  #replace(items: readonly T[], revision: string): void {
    const next = new Map(items.map((object) => [keyOf(object), object]));
    for (const object of this.#cache.list()) {
      const key = keyOf(object);
      if (!next.has(key)) this.#remove(key, object);
    }
    for (const [key, object] of next) this.#put(key, object);
    this.#sawRevision(revision);
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  /**
   * Watches until the server ends it, or the line breaks after it has brought something: then
   * nothing speaks against going on at once. False when the end was a failure in disguise.
   */
  async #watch(signal: AbortSignal, backoff: Backoff): Promise<boolean> {
    const { clock, random } = this.#environment;
    const startedMs = clock.monotonicMs();
    let isHeard = false;
    const options = {
      ...this.#selection(),
      resourceVersion: String(this.#resourceVersion),
      allowBookmarks: true,
      timeoutSeconds: Math.floor(WATCH_TIMEOUT_SECONDS * (1 + random.next())),
      signal,
    };
    try {
      await this.#client.watch<T>(this.type, options, (event) => {
        if (signal.aborted) return;
        isHeard = true;
        this.#apply(event);
      });
    } catch (error) {
      if (isHeard) backoff.reset();
      if (!isHeard || signal.aborted || error instanceof StatusError) throw error;
      return true;
    }
    const isUseful = isHeard || clock.monotonicMs() - startedMs >= WATCH_SHORT_MS;
    if (isUseful) backoff.reset();
    return isUseful;
  }

  #apply(event: WatchEvent<T>): void {
    const revision = event.object.metadata?.resourceVersion ?? '';
    if (event.type !== 'BOOKMARK') {
      const object = this.#kept(event.object);
      const key = keyOf(object);
      if (event.type === 'DELETED') this.#remove(key, object);
      else this.#put(key, object);
    }
    this.#sawRevision(revision);
  }

  #put(key: string, object: T): void {
    const previous = this.#cache.set(key, object);
    if (previous === undefined) return this.#tell({ type: 'added', key, object });
    const same = previous.metadata?.resourceVersion === object.metadata?.resourceVersion;
    const sameObject = same && previous.metadata?.uid === object.metadata?.uid;
    if (!sameObject) this.#tell({ type: 'modified', key, object, previous });
  }

  #remove(key: string, object: T): void {
    const previous = this.#cache.delete(key);
    if (previous !== undefined) this.#tell({ type: 'deleted', key, object, previous });
  }

  /** A handler that throws must not stop the cache, nor the other handlers. */
  #tell(change: Change<T>): void {
    for (const handler of this.#handlers) {
      try {
        handler(change);
      } catch (error) {
        this.#environment.log.error('change handler failed', {
          resource: this.type.plural,
          key: change.key,
          error: String(error),
        });
      }
    }
  }

  #sawRevision(revision: string): void {
    const number = Number(revision);
    if (!(number > this.#resourceVersion)) return;
    this.#resourceVersion = number;
    for (const handler of this.#revisionHandlers) handler();
  }

  #kept(object: T): T {
    return this.#options.transform?.(object) ?? object;
  }

  #selection(): ListOptions {
    const { namespace, labelSelector, fieldSelector, metadataOnly } = this.#options;
    return {
      shared: true,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      ...(metadataOnly === undefined ? {} : { metadataOnly }),
    };
  }
}

/** The server no longer knows the revision to go on from: only a new list helps. */
function isPastGone(error: unknown): boolean {
  return error instanceof StatusError && (error.code === 410 || error.reason === 'Expired');
}
