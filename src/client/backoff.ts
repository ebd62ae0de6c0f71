/**
 * Back-off between attempts to list and watch: 0.8 s, doubled each time up to 30 s, plus up to as
 * much again at random, so that a thousand clients do not return together.
 *
 * The figures are upstream's: staging/src/k8s.io/client-go/tools/cache/reflector.go, v1.36.
 */
import type { Environment } from '#base/env.ts';

const FIRST_MS = 800;
const DELAY_MS_MAX = 30_000;

export class Backoff {
  readonly #environment: Pick<Environment, 'random'>;
  #delayMs = FIRST_MS;

  constructor(environment: Pick<Environment, 'random'>) {
    this.#environment = environment;
  }

  /** The delay before the next attempt; grows with each call. */
  next(): number {
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(DELAY_MS_MAX, delayMs * 2);
    return delayMs * (1 + this.#environment.random.next());
  }

  /** It worked: the next failure starts from the beginning. */
  reset(): void {
    this.#delayMs = FIRST_MS;
  }
}
