/**
 * The store on one machine: SQLite in a data directory.
 *
 *   write ─▶ writer thread ─▶ one transaction for all that waits ─▶ fsync ─▶ answers
 *                                                                             │
 *   get, list ◀─ read-only connections, held back until ... ◀─ visible ◀──────┤
 *   watch     ◀─ the past from the log, then ◀──────────────── events ◀───────┘
 *
 * `visible` is the newest revision whose commit was answered and whose events were handed to the
 * watches. A read may find a newer one on disk, durable but still on its way here: it waits for it.
 */
import type { Environment } from '#base/env.ts';
import { checkWrites } from '../keys.ts';
import { LeaseTimers } from '../lease-timers.ts';
import { compactedError, eventOf, futureError, given } from '../outcome.ts';
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
} from '../store.ts';
import { type Watcher, WatcherSet } from '../watcher-set.ts';
import type { Answer } from './protocol.ts';
import { type ListOptions, Reader } from './reader.ts';
import { ReaderPool } from './reader-pool.ts';
import type { Synchronous } from './schema.ts';
import { type Opened, type Order, startWriter, type WriterClient } from './writer-client.ts';

export interface SqliteStoreOptions {
  /** Made when it is missing. One process at a time may have it open. */
  readonly directory: string;
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'log'>;
  /** 'OFF' gives durability up. It is there to prove that the test of durability sees it. */
  readonly synchronous?: Synchronous;
}

/** A lease that could not be ended, for want of room on the disk, is tried again after this. */
const LEASE_RETRY_MS = 5000;

/** Rejects with StoreError `locked`, `format` or `full`, whose messages say what to do. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { directory, environment, synchronous = 'FULL' } = options;
  const opened = await startWriter({ directory, synchronous }, environment.clock);
  try {
    return new SqliteStore(opened, { directory, environment });
  } catch (error) {
    await opened.writer.close();
    throw error;
  }
}

class SqliteStore implements Store {
  readonly #environment: SqliteStoreOptions['environment'];
  readonly #writer: WriterClient;
  readonly #reader: Reader;
  readonly #pool: ReaderPool;
  readonly #watchers = new WatcherSet();
  readonly #leases: LeaseTimers;
  #visible: number;
  #waiting: { revision: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  #failure: StoreError | undefined;
  #closing: Promise<void> | undefined;

  constructor(opened: Opened, options: Pick<SqliteStoreOptions, 'directory' | 'environment'>) {
    this.#environment = options.environment;
    this.#writer = opened.writer;
    this.#visible = opened.revision;
    this.#reader = new Reader(options.directory);
    this.#pool = new ReaderPool(() => new Reader(options.directory));
    this.#leases = new LeaseTimers(options.environment, (lease) => this.#leaseIsOver(lease));
    this.#writer.listen({
      onAnswer: (answer, order) => this.#publish(answer, order),
      onCommit: () => this.#wakeReaders(),
      onGone: (error) => this.#gone(error),
    });
    this.#restartLeases(opened);
  }

  async get(
    key: string,
    options: { revision?: number } = {},
  ): Promise<{ item?: StoredValue; revision: number }> {
    this.#check();
    const { revision } = options;
    if (revision !== undefined && revision !== this.#visible) {
      const item = this.#reader.getAt(key, revision, this.#visible);
      await this.#isVisible(revision);
      return { revision, ...given('item', item) };
    }
    const { item, newest } = this.#reader.get(key);
    const shown = Math.max(newest, this.#visible);
    await this.#isVisible(shown);
    return { revision: shown, ...given('item', item) };
  }

  list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    return this.#list(prefix, options);
  }

  async #list(
    prefix: string,
    options: ListOptions & { readonly inHistory?: boolean },
  ): Promise<ListResult> {
    this.#check();
    const result = await this.#pool.use((reader) => {
      this.#check();
      return reader.list(prefix, {
        ...options,
        known: this.#visible,
        pause: () => this.#pause(),
      });
    });
    await this.#isVisible(result.revision);
    return result;
  }

  async #pause(): Promise<void> {
    await nextTurn();
    this.#check();
  }

  async count(prefix: string): Promise<number> {
    this.#check();
    return this.#reader.count(prefix);
  }

  async revision(): Promise<number> {
    this.#check();
    return this.#visible;
  }

  async write(write: Write): Promise<WriteResult> {
    const { results } = await this.batch([write]);
    return results[0] ?? { ok: false };
  }

  async batch(
    writes: readonly Write[],
  ): Promise<{ ok: boolean; revision: number; results: readonly WriteResult[] }> {
    this.#check();
    checkWrites(writes);
    const { ok, revision, found } = await this.#writer.ask({ type: 'batch', writes });
    const results = found.map(
      (item): WriteResult =>
        ok ? { ok, revision, ...given('previous', item) } : { ok, ...given('current', item) },
    );
    return { ok, revision, results };
  }

  async watch(prefix: string, after: number, handlers: WatchHandlers): Promise<Watch> {
    this.#check();
    if (after > this.#visible) throw futureError(after, this.#visible);
    const compacted = this.#reader.compacted();
    if (after < compacted) throw compactedError(after, compacted);
    const watcher = this.#watchers.make(prefix, after, handlers);
    if (after === this.#visible) this.#watchers.add(watcher);
    else setImmediate(() => this.#catchUp(watcher));
    return watcher;
  }

  async compact(revision: number): Promise<void> {
    this.#check();
    await this.#writer.ask({ type: 'compact', revision });
  }

  readonly history: StoreHistory = {
    get: async (key, revision) => {
      this.#check();
      const item = this.#reader.getThen(key, revision, this.#visible);
      await this.#isVisible(revision);
      return item;
    },
    list: (prefix, options) => this.#list(prefix, { ...options, inHistory: true }),
    versions: (key, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      this.#pool.use((reader) => {
        this.#check();
        const upTo = Math.min(before, this.#visible + 1);
        return reader.versions(key, { before: upTo, limit, pause: () => this.#pause() });
      }),
    revisionAt: async (timeMs) => {
      this.#check();
      return this.#reader.revisionAt(timeMs, this.#visible);
    },
    retain: async (policy) => {
      this.#check();
      await this.#writer.ask({ type: 'retain', policy });
    },
  };

  async grantLease(ttlMs: number): Promise<number> {
    this.#check();
    const nowMs = this.#environment.clock.now();
    const { lease } = await this.#writer.ask({ type: 'grant', ttlMs: Math.ceil(ttlMs), nowMs });
    if (this.#closing === undefined) this.#leases.start(lease, ttlMs);
    return lease;
  }

  async keepAlive(lease: number): Promise<boolean> {
    this.#check();
    const first = this.#leases.renew(lease);
    if (first === undefined) return false;
    if (first) await this.#writer.ask({ type: 'renewed', lease });
    return true;
  }

  async revokeLease(lease: number): Promise<void> {
    this.#check();
    this.#leases.stop(lease);
    await this.#writer.ask({ type: 'revoke', lease });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#leases.stopAll();
    this.#watchers.end(closedError());
    // Readers go first: the last connection to close folds the log into the database.
    await this.#pool.close();
    this.#reader.close();
    await this.#writer.close();
    this.#rejectReaders(closedError());
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) throw closedError();
  }

  /** Tells watches what a commit did, revision by revision. */
  #publish(answer: Answer, order: Order): void {
    if (answer.type === 'batch' && answer.ok && order.type === 'batch') {
      const { revision, found } = answer;
      if (order.writes.length === 0) return;
      const events = order.writes.map((write, index) => eventOf(write, revision, found[index]));
      this.#show(events, revision);
    }
    if (answer.type === 'revoke') {
      const byRevision = Map.groupBy(answer.deleted, ({ revision }) => revision);
      for (const [revision, deleted] of byRevision) {
        const events = deleted.map(({ item }) =>
          eventOf({ type: 'delete', key: item.key }, revision, item),
        );
        this.#show(events, revision);
      }
    }
  }

  #show(events: readonly StoreEvent[], revision: number): void {
    this.#visible = revision;
    this.#watchers.deliver(events, revision);
  }

  /** Resolves when `revision` may be shown. */
  #isVisible(revision: number): Promise<void> | undefined {
    if (revision <= this.#visible) return undefined;
    return new Promise((resolve, reject) => this.#waiting.push({ revision, resolve, reject }));
  }

  #wakeReaders(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ revision }) => revision > this.#visible);
    for (const { revision, resolve } of waiting) if (revision <= this.#visible) resolve();
  }

  #rejectReaders(error: StoreError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Tells a watch of its past, a slice a turn, until it has reached the present. */
  #catchUp(watcher: Watcher): void {
    if (!watcher.isOpen) return;
    if (watcher.position < this.#visible) {
      try {
        const past = this.#reader.past(watcher.prefix, watcher.position, this.#visible);
        for (const { revision, events } of past.revisions) watcher.deliver(events, revision);
        watcher.skipTo(past.position);
      } catch (error) {
        watcher.end(asStoreError(error));
        return;
      }
    }
    if (watcher.position >= this.#visible) this.#watchers.add(watcher);
    else setImmediate(() => this.#catchUp(watcher));
  }

  /** After a restart a lease that was never kept alive goes on, the others start anew. */
  #restartLeases({ leases }: Opened): void {
    const now = this.#environment.clock.now();
    for (const { lease, ttlMs, grantedMs, renewed } of leases) {
      const leftMs = renewed ? ttlMs : Math.min(ttlMs, grantedMs + ttlMs - now);
      this.#leases.start(lease, ttlMs, { remainingMs: Math.max(0, leftMs), renewed });
    }
  }

  #leaseIsOver(lease: number): void {
    this.#writer.ask({ type: 'revoke', lease }).catch((error: unknown) => {
      if (this.#closing !== undefined || this.#failure !== undefined) return;
      this.#environment.log.warn('Cannot end a lease', { lease, error: String(error) });
      this.#leases.start(lease, LEASE_RETRY_MS);
    });
  }

  #gone(error: StoreError): void {
    if (this.#closing !== undefined || this.#failure !== undefined) return;
    this.#failure = error;
    this.#environment.log.error('The store has failed', { error: error.message });
    this.#leases.stopAll();
    this.#watchers.end(error);
    this.#rejectReaders(error);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function closedError(): StoreError {
  return new StoreError('unavailable', 'The store is closed');
}

function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError('unavailable', `The store has failed: ${message}`, { cause: error });
}
