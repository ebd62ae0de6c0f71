/**
 * How long all webhooks of one request may take together: a chain of slow ones must not hold a
 * client for the sum of their time-outs. Upstream has the limit of the request alone (34 seconds).
 */
import { timeout } from '#api/meta/status.ts';
import type { Clock } from '#base/env.ts';

export class WebhookBudget {
  readonly #clock: Clock;
  readonly #limitMs: number;
  /** Monotonic, by request: when its time is over. It begins with the first call. */
  readonly #ends = new WeakMap<object, number>();

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** Milliseconds that are left to `request`, at least one. Throws 504 when there are none. */
  left(request: object): number {
    const nowMs = this.#clock.monotonicMs();
    const end = this.#ends.get(request) ?? nowMs + this.#limitMs;
    this.#ends.set(request, end);
    if (end <= nowMs) throw this.spent();
    return end - nowMs;
  }

  isSpent(request: object): boolean {
    const end = this.#ends.get(request);
    return end !== undefined && end <= this.#clock.monotonicMs();
  }

  spent(): Error {
    const seconds = this.#limitMs / 1000;
    return timeout(`admission webhooks did not complete within ${seconds}s together`, 0);
  }
}
