/**
 * Long work in turns of the event loop, all well under 10 ms: what ends a turn, such as the
 * first write of an answer, and a collection of garbage have their room in that too.
 */
import type { Environment } from '#base/env.ts';

const TURN_MS = 2;
/** Steps between two looks at the clock. */
const CLOCK_EVERY = 32;

/**
 * Ask `isOver` before each step, and wait for `next` when it says so:
 *
 *   for (const step of steps) { if (turns.isOver()) await turns.next(); … }
 */
export class Turns {
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  #beganMs: number;
  #steps = 0;

  constructor(environment: Pick<Environment, 'clock' | 'timers'>) {
    this.#environment = environment;
    this.#beganMs = environment.clock.monotonicMs();
  }

  isOver(): boolean {
    return (
      ++this.#steps % CLOCK_EVERY === 0 &&
      this.#environment.clock.monotonicMs() - this.#beganMs > TURN_MS
    );
  }

  /** As `isOver`, for steps so long that each is worth a look at the clock. */
  isLong(): boolean {
    return this.#environment.clock.monotonicMs() - this.#beganMs > TURN_MS;
  }

  /** Resolves when others have had their turn. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#environment.timers.after(0, resolve);
    });
    this.#beganMs = this.#environment.clock.monotonicMs();
  }
}
