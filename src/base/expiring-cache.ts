/**
 * A cache whose entries end, each at its own time, and of which there is a limit: at it, the one
 * that was used longest ago goes.
 */
export class ExpiringCache<T> {
  readonly #max: number;
  readonly #monotonicMs: () => number;
  /** The one used last is the last. */
  readonly #entries = new Map<string, { readonly value: T; readonly endMs: number }>();

  /** `max`: of entries. `monotonicMs`: a clock that never goes back. */
  constructor(max: number, monotonicMs: () => number) {
    this.#max = max;
    this.#monotonicMs = monotonicMs;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (this.#monotonicMs() >= entry.endMs) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Keeps nothing for a time of 0. */
  set(key: string, value: T, lifeMs: number): void {
    this.#entries.delete(key);
    if (lifeMs <= 0) return;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= this.#max && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(key, { value, endMs: this.#monotonicMs() + lifeMs });
  }

  clear(): void {
    this.#entries.clear();
  }
}
