/** What is remembered for a time. */
import { RecentMap } from './recent-map.ts';

/**
 * A cache whose entries end, each at its own time, and of which there is a limit: at it, the one
 * that was used longest ago goes.
 */
export class ExpiringCache<T> {
  readonly #monotonicMs: () => number;
  readonly #entries: RecentMap<string, { readonly value: T; readonly endMs: number }>;

  /** `max`: of entries. `monotonicMs`: a clock that never goes back. */
  constructor(max: number, monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#entries = new RecentMap(max);
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#monotonicMs() < entry.endMs) return entry?.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** Keeps nothing for a time of 0. */
  set(key: string, value: T, lifeMs: number): void {
    this.#entries.delete(key);
    if (lifeMs <= 0) return;
    this.#entries.set(key, { value, endMs: this.#monotonicMs() + lifeMs });
  }

  clear(): void {
    this.#entries.clear();
  }
}
