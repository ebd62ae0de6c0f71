/**
 * The store in memory: for tests and simulation, where a fork must cost nothing and every answer
 * must come in the same order from the same seed. It forgets everything when the process ends.
 *
 * A call takes effect when it is made. What watches are told follows in one queue of jobs, in the
 * same turn and ahead of the answer, so that nobody sees a revision before those ahead of it.
 */
import type { Environment } from '#base/env.ts';
import { checkWrites } from './keys.ts';
import { LeaseTimers } from './lease-timers.ts';
import { historicItem, historicList, retained, revisionAt, versionsOf } from './memory-history.ts';
import {
  applyWrites,
  compactTo,
  countKeys,
  EMPTY_STATE,
  endLease,
  getAt,
  grantLease,
  listAt,
  type Outcome,
  type State,
} from './memory-state.ts';
import { compactedError, futureError } from './outcome.ts';
import {
  type ListResult,
  type StoredValue,
  type Store,
  StoreError,
  type StoreHistory,
  type Watch,
  type WatchHandlers,
  type Write,
  type WriteResult,
} from './store.ts';
import { WatcherSet } from './watcher-set.ts';

export class MemoryStore implements Store {
  readonly #clock: Environment['clock'];
  readonly #leases: LeaseTimers;
  readonly #watchers = new WatcherSet();
  #state: State;
  #jobs: (() => void)[] = [];
  #closed = false;

  constructor(environment: Pick<Environment, 'clock' | 'timers'>, state: State = EMPTY_STATE) {
    this.#state = state;
    this.#clock = environment.clock;
    this.#leases = new LeaseTimers(environment, (lease) => this.#endLease(lease));
  }

  /** A store of its own with what this one holds now. Leases end when they would have here. */
  fork(environment: Pick<Environment, 'clock' | 'timers'>): MemoryStore {
    const copy = new MemoryStore(environment, this.#state);
    for (const { lease, ttlMs, progress } of this.#leases.remaining()) {
      copy.#leases.start(lease, ttlMs, progress);
    }
    return copy;
  }

  get(
    key: string,
    options: { revision?: number } = {},
  ): Promise<{ item?: StoredValue; revision: number }> {
    return this.#answer(() => {
      const revision = options.revision ?? this.#state.revision;
      const item = getAt(this.#state, key, revision);
      return item === undefined ? { revision } : { item, revision };
    });
  }

  list(
    prefix: string,
    options: { revision?: number; after?: string; limit?: number } = {},
  ): Promise<ListResult> {
    return this.#answer(() => {
      const revision = options.revision ?? this.#state.revision;
      return listAt(this.#state, { ...options, prefix, revision });
    });
  }

  count(prefix: string): Promise<number> {
    return this.#answer(() => countKeys(this.#state, prefix));
  }

  revision(): Promise<number> {
    return this.#answer(() => this.#state.revision);
  }

  async write(write: Write): Promise<WriteResult> {
    const { results } = await this.batch([write]);
    return results[0] ?? { ok: false };
  }

  batch(
    writes: readonly Write[],
  ): Promise<{ ok: boolean; revision: number; results: readonly WriteResult[] }> {
    return this.#answer(() => {
      checkWrites(writes);
      const { ok, results } = this.#commit(applyWrites(this.#state, writes, this.#clock.now()));
      return { ok, results, revision: this.#state.revision };
    });
  }

  watch(prefix: string, after: number, handlers: WatchHandlers): Promise<Watch> {
    return this.#answer(() => {
      const { revision, compacted, log } = this.#state;
      if (after > revision) throw futureError(after, revision);
      if (after < compacted) throw compactedError(after, compacted);
      const watcher = this.#watchers.make(prefix, after, handlers);
      this.#queue(() => {
        for (const [at, { events }] of log.entries(after + 1)) watcher.deliver(events, at);
        this.#watchers.add(watcher);
      });
      return watcher;
    });
  }

  compact(revision: number): Promise<void> {
    return this.#answer(() => {
      this.#state = compactTo(this.#state, revision);
    });
  }

  readonly history: StoreHistory = {
    get: (key, revision) => this.#answer(() => historicItem(this.#state, key, revision)),
    list: (prefix, options) =>
      this.#answer(() => historicList(this.#state, { ...options, prefix })),
    versions: (key, options) => this.#answer(() => versionsOf(this.#state, key, options)),
    revisionAt: (timeMs) => this.#answer(() => revisionAt(this.#state, timeMs)),
    retain: (policy) =>
      this.#answer(() => {
        this.#state = retained(this.#state, policy);
      }),
  };

  grantLease(ttlMs: number): Promise<number> {
    return this.#answer(() => {
      const { state, lease } = grantLease(this.#state);
      this.#state = state;
      this.#leases.start(lease, ttlMs);
      return lease;
    });
  }

  keepAlive(lease: number): Promise<boolean> {
    return this.#answer(() => this.#leases.renew(lease) !== undefined);
  }

  revokeLease(lease: number): Promise<void> {
    return this.#answer(() => {
      this.#leases.stop(lease);
      this.#endLease(lease);
    });
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return this.#answer(() => {
      this.#closed = true;
      this.#leases.stopAll();
      this.#queue(() => this.#watchers.end(closedError()));
    });
  }

  #endLease(lease: number): void {
    this.#commit(endLease(this.#state, lease, this.#clock.now()));
  }

  #commit(outcome: Outcome): Outcome {
    const { state, events } = outcome;
    this.#state = state;
    if (events.length > 0) this.#queue(() => this.#watchers.deliver(events, state.revision));
    return outcome;
  }

  /** Does `work` now: what it queues comes before whoever waits for its result. */
  async #answer<T>(work: () => T): Promise<T> {
    if (this.#closed) throw closedError();
    return work();
  }

  #queue(job: () => void): void {
    this.#jobs.push(job);
    if (this.#jobs.length === 1) queueMicrotask(() => this.#work());
  }

  #work(): void {
    let done = 0;
    try {
      for (; done < this.#jobs.length; done++) this.#jobs[done]?.();
    } finally {
      // Only a watch handler can throw. That ends the process or the test, but not our order.
      this.#jobs = this.#jobs.slice(done + 1);
      if (this.#jobs.length > 0) queueMicrotask(() => this.#work());
    }
  }
}

function closedError(): StoreError {
  return new StoreError('unavailable', 'The store is closed');
}
