/**
 * Time that stands still until it is told to move: what the store's suite needs of an environment,
 * so that a lease of an hour is over in no time.
 */
import type { Environment, Timer } from '#base/env.ts';

interface Pending {
  readonly atMs: number;
  readonly callback: () => void;
}

export class ManualTime implements Pick<Environment, 'clock' | 'timers'> {
  #nowMs = 0;
  readonly #pending = new Set<Pending>();

  readonly clock = {
    now: (): number => 1_700_000_000_000 + this.#nowMs,
    monotonicMs: (): number => this.#nowMs,
  };

  readonly timers = {
    after: (delayMs: number, callback: () => void): Timer => {
      const pending = { atMs: this.#nowMs + delayMs, callback };
      this.#pending.add(pending);
      return { cancel: () => this.#pending.delete(pending) };
    },
  };

  /** Timers that are set and have not fired. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Moves the clock and fires what falls due, in order. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const [next] = [...this.#pending].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#pending.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}
