/**
 * When leases end. Both stores that live in one process count the time of a lease here, on the
 * environment's clock; what a lease's end does to its keys is theirs.
 */
import type { Environment, Timer } from '#base/env.ts';

interface Lease {
  readonly ttlMs: number;
  deadlineMs: number;
  renewed: boolean;
  timer: Timer;
}

/** How a lease goes on that was started elsewhere or before. */
export interface LeaseProgress {
  readonly remainingMs: number;
  /** Whether it was ever kept alive. */
  readonly renewed: boolean;
}

export class LeaseTimers {
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #onExpire: (lease: number) => void;
  readonly #leases = new Map<number, Lease>();

  constructor(
    environment: Pick<Environment, 'clock' | 'timers'>,
    onExpire: (lease: number) => void,
  ) {
    this.#environment = environment;
    this.#onExpire = onExpire;
  }

  /** Counts `lease` down: from what remains of it now, from `ttlMs` after each `renew`. */
  start(lease: number, ttlMs: number, progress?: LeaseProgress): void {
    this.stop(lease);
    const { remainingMs, renewed } = progress ?? { remainingMs: ttlMs, renewed: false };
    const deadlineMs = this.#environment.clock.monotonicMs() + remainingMs;
    const timer = this.#arm(lease, remainingMs);
    this.#leases.set(lease, { ttlMs, deadlineMs, renewed, timer });
  }

  /**
   * Starts the lease's time anew, and says whether that was the first time; undefined when the
   * lease is not known. Costs no timer: the old one is moved when it fires.
   */
  renew(lease: number): boolean | undefined {
    const found = this.#leases.get(lease);
    if (found === undefined) return undefined;
    found.deadlineMs = this.#environment.clock.monotonicMs() + found.ttlMs;
    const first = !found.renewed;
    found.renewed = true;
    return first;
  }

  stop(lease: number): void {
    this.#leases.get(lease)?.timer.cancel();
    this.#leases.delete(lease);
  }

  stopAll(): void {
    for (const lease of this.#leases.keys()) this.stop(lease);
  }

  /** What a copy must be started with to end at the same times. */
  remaining(): { lease: number; ttlMs: number; progress: LeaseProgress }[] {
    const now = this.#environment.clock.monotonicMs();
    return [...this.#leases].map(([lease, { ttlMs, deadlineMs, renewed }]) => ({
      lease,
      ttlMs,
      progress: { remainingMs: Math.max(0, deadlineMs - now), renewed },
    }));
  }

  #arm(lease: number, delayMs: number): Timer {
    return this.#environment.timers.after(delayMs, () => this.#fired(lease));
  }

  #fired(lease: number): void {
    const found = this.#leases.get(lease);
    if (found === undefined) return;
    const leftMs = found.deadlineMs - this.#environment.clock.monotonicMs();
    if (leftMs > 0) {
      found.timer = this.#arm(lease, leftMs);
      return;
    }
    this.#leases.delete(lease);
    this.#onExpire(lease);
  }
}
