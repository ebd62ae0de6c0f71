/**
 * A rate with bursts: so many at once, then so many each second.
 *
 * Source: the token bucket of golang.org/x/time/rate, which client-go's flowcontrol uses.
 */
import type { Clock } from './env.ts';

export interface Rate {
  readonly perSecond: number;
  /** How many at once, after a rest. */
  readonly burst: number;
}

const MS_PER_SECOND = 1000;

export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** Below zero: so many have been promised. */
  #tokens: number;
  #countedMs: number;

  constructor(rate: Rate, clock: Pick<Clock, 'monotonicMs'>) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#countedMs = clock.monotonicMs();
  }

  /** Takes one if there is one now. */
  tryTake(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes the next one, and answers how long it is until it comes, milliseconds. */
  take(): number {
    this.#fill();
    this.#tokens--;
    return this.#tokens >= 0 ? 0 : (-this.#tokens * MS_PER_SECOND) / this.#rate.perSecond;
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs();
    const { perSecond, burst } = this.#rate;
    const made = ((nowMs - this.#countedMs) * perSecond) / MS_PER_SECOND;
    this.#tokens = Math.min(burst, this.#tokens + made);
    this.#countedMs = nowMs;
  }
}
