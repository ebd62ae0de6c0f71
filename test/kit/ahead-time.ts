/** The real environment, whose time a test can make pass: what is due by then happens at once. */
import type { Environment, Timer } from '#base/env.ts';
import { realEnvironment } from '#edge/environment.ts';

interface Waiting {
  readonly dueMs: number;
  readonly fire: () => void;
}

export class AheadTime {
  readonly environment: Environment;
  readonly #waiting = new Set<Waiting>();
  readonly #monotonicMs: () => number;
  #aheadMs = 0;

  constructor() {
    // What the test brings about is warned of.
    const real = realEnvironment({ logLevel: 'error' });
    const { clock, timers } = real;
    this.#monotonicMs = () => clock.monotonicMs() + this.#aheadMs;
    this.environment = {
      ...real,
      clock: { now: () => clock.now() + this.#aheadMs, monotonicMs: this.#monotonicMs },
      timers: {
        after: (delayMs, callback): Timer => {
          const cancel = (): void => {
            timer.cancel();
            this.#waiting.delete(waiting);
          };
          const fire = (): void => {
            cancel();
            callback();
          };
          const timer = timers.after(delayMs, fire);
          const waiting = { dueMs: this.#monotonicMs() + delayMs, fire };
          this.#waiting.add(waiting);
          return { cancel };
        },
      },
    };
  }

  advance(ms: number): void {
    this.#aheadMs += ms;
    // Those that are set meanwhile wait for the next time.
    const due = [...this.#waiting].filter(({ dueMs }) => dueMs <= this.#monotonicMs());
    for (const { fire } of due) fire();
  }
}
