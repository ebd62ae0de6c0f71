/**
 * A store whose values lie in another store in another form: encrypted, for one.
 *
 * Values are transformed on their way in, and back on their way out: of reads, watches, the history
 * and of what a refused write found. What one caller is told stays in order, also where a
 * transformer has to wait for somebody else.
 */
import { messageOf } from '#base/error.ts';
import {
  type ListResult,
  type Store,
  type StoredValue,
  StoreError,
  type StoreEvent,
  type StoreHistory,
  type Watch,
  type WatchHandlers,
  type Write,
  type WriteResult,
} from './store.ts';

/**
 * From one form to the other and back, by key. Where nothing has to be waited for the answer is no
 * promise: that is the quick road. Both throw (or reject) with an error that says why.
 */
export interface ValueTransformer {
  toStorage(key: string, value: Uint8Array): Uint8Array | Promise<Uint8Array>;
  fromStorage(key: string, stored: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Whether `stored` has another form than `toStorage` would give it now. */
  isStale(key: string, stored: Uint8Array): boolean;
}

export class TransformingStore implements Store {
  readonly history?: StoreHistory;
  readonly #inner: Store;
  readonly #transformer: ValueTransformer;
  readonly #writes = new Turns();
  /** Watches that have not been told all that the store has told. */
  readonly #behind = new Set<Promise<void>>();

  constructor(inner: Store, transformer: ValueTransformer) {
    this.#inner = inner;
    this.#transformer = transformer;
    if (inner.history !== undefined) this.history = this.#historyOf(inner.history);
  }

  async get(
    key: string,
    options?: { revision?: number },
  ): Promise<{ item?: StoredValue; revision: number }> {
    const { item, revision } = await this.#told(this.#inner.get(key, options));
    return item === undefined ? { revision } : { item: await this.#read(item), revision };
  }

  async list(
    prefix: string,
    options?: { revision?: number; after?: string; limit?: number },
  ): Promise<ListResult> {
    return this.#readList(await this.#told(this.#inner.list(prefix, options)));
  }

  count(prefix: string): Promise<number> {
    return this.#inner.count(prefix);
  }

  async write(write: Write): Promise<WriteResult> {
    const sent = this.#writes.after(this.#stored(write), (stored) => this.#inner.write(stored));
    return this.#readResult(await this.#told(sent));
  }

  async batch(
    writes: readonly Write[],
  ): Promise<{ ok: boolean; revision: number; results: readonly WriteResult[] }> {
    const stored = allOf(writes.map((write) => this.#stored(write)));
    const sent = this.#writes.after(stored, (all) => this.#inner.batch(all));
    const { ok, revision, results } = await this.#told(sent);
    const read = await allOf(results.map((result) => this.#readResult(result)));
    return { ok, revision, results: read };
  }

  watch(prefix: string, after: number, handlers: WatchHandlers): Promise<Watch> {
    const turns = new Turns();
    let watch: Watch | undefined;
    let isOver = false;
    const end = (error: StoreError): void => {
      if (isOver) return;
      isOver = true;
      watch?.close();
      handlers.onEnd(error);
    };
    /** What `tell` needs may have to be waited for; until then all answers wait too. */
    const next = <T>(ready: T | Promise<T>, tell: (ready: T) => void): void => {
      const told = turns.after(ready, (value) => {
        if (!isOver) tell(value);
      });
      if (!(told instanceof Promise)) return;
      const settled = told.catch(end).finally(() => this.#behind.delete(settled));
      this.#behind.add(settled);
    };
    const opened = this.#inner.watch(prefix, after, {
      onEvents: (events, revision) => {
        try {
          next(allOf(events.map((event) => this.#readEvent(event))), (read) =>
            handlers.onEvents(read, revision),
          );
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          end(error);
        }
      },
      onEnd: (error) => next(error, end),
    });
    return opened.then((made) => {
      watch = made;
      if (isOver) made.close();
      return {
        close: () => {
          isOver = true;
          made.close();
        },
      };
    });
  }

  revision(): Promise<number> {
    return this.#told(this.#inner.revision());
  }

  compact(revision: number): Promise<void> {
    return this.#inner.compact(revision);
  }

  async isStale(key: string): Promise<boolean> {
    const { item } = await this.#inner.get(key);
    return item !== undefined && this.#transformer.isStale(key, item.value);
  }

  grantLease(ttlMs: number): Promise<number> {
    return this.#inner.grantLease(ttlMs);
  }

  keepAlive(lease: number): Promise<boolean> {
    return this.#inner.keepAlive(lease);
  }

  revokeLease(lease: number): Promise<void> {
    return this.#inner.revokeLease(lease);
  }

  close(): Promise<void> {
    return this.#told(this.#inner.close());
  }

  /** The answer, once every watch has been told what lies before it. */
  async #told<T>(answer: T | Promise<T>): Promise<T> {
    const result = await answer;
    if (this.#behind.size > 0) await Promise.all(this.#behind);
    return result;
  }

  #stored(write: Write): Write | Promise<Write> {
    if (write.type === 'delete') return write;
    const { key, value } = write;
    const stored = guarded(key, () => this.#transformer.toStorage(key, value));
    return then(stored, (made) => (made === value ? write : { ...write, value: made }));
  }

  #value(key: string, stored: Uint8Array): Uint8Array | Promise<Uint8Array> {
    // A delete in the history has no bytes, and no transformer writes none.
    if (stored.length === 0) return stored;
    return guarded(key, () => this.#transformer.fromStorage(key, stored));
  }

  #read<T extends { readonly key: string; readonly value: Uint8Array }>(item: T): T | Promise<T> {
    return then(this.#value(item.key, item.value), (value) =>
      value === item.value ? item : { ...item, value },
    );
  }

  #readEvent(event: StoreEvent): StoreEvent | Promise<StoreEvent> {
    const { key, previous } = event;
    if (previous === undefined) return this.#read(event);
    return then(
      allOf([this.#read(event), this.#value(key, previous)] as const),
      ([read, before]) => (before === previous ? read : { ...read, previous: before }),
    );
  }

  #readResult(result: WriteResult): WriteResult | Promise<WriteResult> {
    if (result.ok) {
      const { previous } = result;
      if (previous === undefined) return result;
      return then(this.#read(previous), (read) => ({ ...result, previous: read }));
    }
    const { current } = result;
    if (current === undefined) return result;
    return then(this.#read(current), (read) => ({ ...result, current: read }));
  }

  async #readList(list: ListResult): Promise<ListResult> {
    return { ...list, items: await allOf(list.items.map((item) => this.#read(item))) };
  }

  #historyOf(history: StoreHistory): StoreHistory {
    return {
      get: async (key, revision) => {
        const item = await history.get(key, revision);
        return item && this.#read(item);
      },
      list: async (prefix, options) => this.#readList(await history.list(prefix, options)),
      versions: async (key, options) => {
        const { versions, oldest } = await history.versions(key, options);
        const read = versions.map((version) =>
          then(this.#value(key, version.value), (value) => ({ ...version, value })),
        );
        return { versions: await allOf(read), oldest };
      },
      revisionAt: (timeMs) => history.revisionAt(timeMs),
      retain: (policy) => history.retain(policy),
    };
  }
}

/** Calls in the order in which they were asked for, though what they need comes in another. */
class Turns {
  #last: Promise<unknown> | undefined;

  /** At once, where `ready` is there and nobody waits; what it throws then comes at once too. */
  after<T, R>(ready: T | Promise<T>, call: (ready: T) => R | Promise<R>): R | Promise<R> {
    if (!(ready instanceof Promise) && this.#last === undefined) return call(ready);
    const before = this.#last;
    const value = Promise.resolve(ready);
    // Before its turn nobody listens to it.
    value.catch(() => {});
    let begun: R | Promise<R>;
    const turn = Promise.resolve(before).then(async () => {
      const there = await value;
      begun = call(there);
    });
    const quiet = turn.catch(() => {});
    this.#last = quiet;
    void quiet.then(() => {
      if (this.#last === quiet) this.#last = undefined;
    });
    return turn.then(() => begun);
  }
}

/** What goes wrong with a value is told with its key. */
function guarded(
  key: string,
  transform: () => Uint8Array | Promise<Uint8Array>,
): Uint8Array | Promise<Uint8Array> {
  const told = (error: unknown): never => {
    throw new StoreError(
      'transform',
      `unable to transform key ${JSON.stringify(key)}: ${messageOf(error)}`,
      { cause: error },
    );
  };
  try {
    const made = transform();
    return made instanceof Promise ? made.catch(told) : made;
  } catch (error) {
    return told(error);
  }
}

function then<T, R>(value: T | Promise<T>, change: (value: T) => R): R | Promise<R> {
  return value instanceof Promise ? value.then(change) : change(value);
}

/** All of them: a promise only where one of them is. */
function allOf<const T extends readonly unknown[]>(
  values: T,
): { [K in keyof T]: Awaited<T[K]> } | Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  return values.some((value) => value instanceof Promise)
    ? Promise.all(values)
    : (values as { [K in keyof T]: Awaited<T[K]> });
}
