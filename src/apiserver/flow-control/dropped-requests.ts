/**
 * When those who were refused may come again: the later, the more were refused.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/dropped_requests_tracker.go.
 */
import type { Clock } from '#base/env.ts';

const RETRY_AFTER_MAX = 32;
/** So many refusals a second make the wait longer. */
const MANY = 3;

interface Second {
  readonly second: number;
  readonly count: number;
}

/** Of one priority level. */
export class DroppedRequests {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #history: Second[] = [];
  #second = 0;
  #count = 0;
  #retryAfter = 1;
  #changedAt = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** One more was refused; answers after how many seconds it may come again. */
  record(): number {
    const now = Math.floor(this.#clock.monotonicMs() / 1000);
    if (now === this.#second) {
      this.#count += 1;
      return this.#retryAfter;
    }
    this.#remember(now);
    this.#second = now;
    this.#count = 1;
    this.#adjust(now);
    return this.#retryAfter;
  }

  #remember(now: number): void {
    this.#history.push({ second: this.#second, count: this.#count });
    const oldest = now - Math.min(2 * this.#retryAfter, RETRY_AFTER_MAX);
    this.#history = this.#history.filter(({ second }) => second >= oldest);
  }

  #adjust(now: number): void {
    const wait = this.#retryAfter;
    const dropped = this.#history
      .filter(({ second }) => now - second <= wait && second < now)
      .reduce((sum, { count }) => sum + count, 0);
    if (now - this.#changedAt >= wait && dropped >= MANY * wait) {
      this.#retryAfter = Math.min(wait * 2, RETRY_AFTER_MAX);
      this.#changedAt = now;
    } else if (dropped < wait && wait > 1) {
      this.#retryAfter = wait - 1;
    }
  }
}
