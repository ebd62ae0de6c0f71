/** What came of the last attempt to place each pod that has no place, for the question why. */
import type { Diagnosis } from './diagnosis.ts';

export interface Attempt {
  readonly diagnosis: Diagnosis;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Of so many pods; the one whose attempt was longest ago is forgotten first. */
const ATTEMPTS_MAX = 1_000;

export class LastAttempts {
  /** By `namespace/name` of the pod. */
  readonly #attempts = new Map<string, Attempt>();

  of(key: string): Attempt | undefined {
    return this.#attempts.get(key);
  }

  remember(key: string, attempt: Attempt): void {
    this.#attempts.delete(key);
    const oldest = this.#attempts.keys().next().value;
    if (this.#attempts.size >= ATTEMPTS_MAX && oldest !== undefined) this.#attempts.delete(oldest);
    this.#attempts.set(key, attempt);
  }

  forget(key: string): void {
    this.#attempts.delete(key);
  }
}
