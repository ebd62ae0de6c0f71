/** One look for all who ask within a short time; who asks while it goes on waits for the same. */
import type { Clock } from '#base/env.ts';

export class KeptLook<T> {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #look: () => Promise<T>;
  #kept: { readonly answer: Promise<T>; readonly untilMs: number } | undefined;

  /** `keepMs`: from the beginning of a look. One that failed is not kept. */
  constructor(clock: Clock, keepMs: number, look: () => Promise<T>) {
    this.#clock = clock;
    this.#keepMs = keepMs;
    this.#look = look;
  }

  get(): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#kept !== undefined && nowMs < this.#kept.untilMs) return this.#kept.answer;
    const kept = { answer: this.#look(), untilMs: nowMs + this.#keepMs };
    this.#kept = kept;
    kept.answer.catch(() => {
      if (this.#kept === kept) this.#kept = undefined;
    });
    return kept.answer;
  }
}
