/**
 * The queue of keys: what is to be reconciled, each key by one worker at a time.
 *
 * Three sets and a rule. A key is *dirty* when it needs work, *processing* while a worker has it,
 * and *queued* while it waits for one. Adding a dirty key does nothing; adding a key in processing
 * marks it dirty, and it is queued again when the worker is done. So nothing is lost, nothing runs
 * twice at once, and a thousand events for one key cost one pass.
 *
 * Upstream: staging/src/k8s.io/client-go/util/workqueue/{queue,delaying_queue,default_rate_limiters}.go, v1.36.
 */
import type { Environment, Timer } from '#base/env.ts';

/** How long a key that failed waits: the first time, then twice as long each time, to the most. */
export interface QueueBackoff {
  readonly firstMs: number;
  readonly msMax: number;
}

const BACKOFF: QueueBackoff = { firstMs: 5, msMax: 1_000_000 };

interface Delayed {
  readonly dueMs: number;
  readonly timer: Timer;
}

/** Told of what happens to keys, for metrics. */
export interface QueueObserver {
  /** It needs work, and did not before. */
  added(key: string): void;
  retried(): void;
  taken(key: string): void;
  done(key: string): void;
  /** Nothing waits any more. */
  cleared(): void;
}

export interface WorkQueueOptions {
  readonly observer?: QueueObserver;
  readonly backoff?: QueueBackoff;
}

export class WorkQueue {
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #onReady: () => void;
  readonly #observer: QueueObserver | undefined;
  readonly #backoff: QueueBackoff;
  readonly #queue = new Set<string>();
  readonly #dirty = new Set<string>();
  readonly #processing = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();

  /** `onReady` is called whenever a key can be taken. */
  constructor(
    environment: Pick<Environment, 'clock' | 'timers'>,
    onReady: () => void,
    options: WorkQueueOptions = {},
  ) {
    this.#environment = environment;
    this.#onReady = onReady;
    this.#observer = options.observer;
    this.#backoff = options.backoff ?? BACKOFF;
  }

  add(key: string): void {
    if (this.#dirty.has(key)) return;
    this.#dirty.add(key);
    this.#observer?.added(key);
    if (this.#processing.has(key)) return;
    this.#queue.add(key);
    this.#onReady();
  }

  /** Adds `key` after `delayMs`. Of several delays of one key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) return this.add(key);
    const dueMs = this.#environment.clock.monotonicMs() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.timer.cancel();
    const timer = this.#environment.timers.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, timer });
  }

  /** Adds `key` after its back-off, which doubles with each call until `forget`. Answers the delay. */
  addRateLimited(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#observer?.retried();
    const delayMs = Math.min(this.#backoff.firstMs * 2 ** failures, this.#backoff.msMax);
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** It went well: the next failure of `key` starts at the first delay. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Takes the key that waits longest. The taker must call `done`. */
  take(): string | undefined {
    const next = this.#queue.values().next();
    if (next.done === true) return undefined;
    this.#queue.delete(next.value);
    this.#dirty.delete(next.value);
    this.#processing.add(next.value);
    this.#observer?.taken(next.value);
    return next.value;
  }

  done(key: string): void {
    this.#processing.delete(key);
    this.#observer?.done(key);
    if (!this.#dirty.has(key)) return;
    this.#queue.add(key);
    this.#onReady();
  }

  /** Forgets all that waits, and cancels all delays. */
  clear(): void {
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#queue.clear();
    this.#dirty.clear();
    this.#observer?.cleared();
  }

  /** Keys that wait or are being worked on now. */
  get busy(): number {
    return this.#queue.size + this.#processing.size;
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#queue.size;
  }

  /** Milliseconds until the next delayed key is due; undefined when there is none. */
  get nextDelayMs(): number | undefined {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#delayed.values()) earliest = Math.min(earliest, dueMs);
    if (earliest === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(0, earliest - this.#environment.clock.monotonicMs());
  }
}
