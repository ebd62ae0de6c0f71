/**
 * When leases end. Both stores that live in one process count the time of a lease here, on the
 * environment's clock; what a lease's end does to its keys is theirs.
 */
import type { Environment, Timer } from '#base/env.ts';

interface Lease {
  readonly ttlMs: number;
  deadlineMs: number;
  timer: Timer;
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

  /** Counts `lease` down: from `remainingMs` now, from `ttlMs` after each `renew`. */
  start(lease: number, ttlMs: number, remainingMs = ttlMs): void {
    this.stop(lease);
    const deadlineMs = this.#environment.clock.monotonicMs() + remainingMs;
    this.#leases.set(lease, { ttlMs, deadlineMs, timer: this.#arm(lease, remainingMs) });
  }

  /** False when the lease is not known. Costs no timer: the old one is moved when it fires. */
  renew(lease: number): boolean {
    const found = this.#leases.get(lease);
    if (found === undefined) return false;
    found.deadlineMs = this.#environment.clock.monotonicMs() + found.ttlMs;
    return true;
  }

  has(lease: number): boolean {
    return this.#leases.has(lease);
  }

  stop(lease: number): void {
    this.#leases.get(lease)?.timer.cancel();
    this.#leases.delete(lease);
  }

  stopAll(): void {
    for (const lease of this.#leases.keys()) this.stop(lease);
  }

  /** What a copy must be started with to end at the same times. */
  remaining(): { lease: number; ttlMs: number; remainingMs: number }[] {
    const now = this.#environment.clock.monotonicMs();
    return [...this.#leases].map(([lease, { ttlMs, deadlineMs }]) => ({
      lease,
      ttlMs,
      remainingMs: Math.max(0, deadlineMs - now),
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
