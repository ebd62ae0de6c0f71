/**
 * Exponential back-off by key, counted from the last failure: 10 s, doubled to 300 s (or the
 * maximum that is given; never more than it), forgotten when nothing failed for twice the maximum.
 *
 * Upstream: staging/src/k8s.io/client-go/util/flowcontrol/backoff.go, and
 * pkg/kubelet/kubelet.go for the figures, v1.36. In memory only, as upstream's: a kubelet that
 * starts again tries at once.
 */

const BACKOFF_INITIAL_MS = 10_000;
const BACKOFF_MAX_MS = 300_000;
/** Keys that are remembered; the oldest is forgotten beyond. */
const BACKOFF_KEYS_MAX = 10_000;

interface Entry {
  readonly delayMs: number;
  readonly updatedMs: number;
}

export class BackoffTable {
  readonly #entries = new Map<string, Entry>();
  readonly #maxMs: number;

  constructor(maxMs = BACKOFF_MAX_MS) {
    this.#maxMs = maxMs;
  }

  /** How long the key has to wait from `sinceMs` on (its last failure); 0 when it need not. */
  waitMs(key: string, sinceMs: number, nowMs: number): number {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#isForgotten(entry, sinceMs)) return 0;
    return Math.max(0, sinceMs + entry.delayMs - nowMs);
  }

  /** The delay that is in force, for the message. */
  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Notes one more try after a failure at `sinceMs`. */
  next(key: string, sinceMs: number, nowMs: number): void {
    const entry = this.#entries.get(key);
    const fresh = entry === undefined || this.#isForgotten(entry, sinceMs);
    const delayMs = Math.min(fresh ? BACKOFF_INITIAL_MS : entry.delayMs * 2, this.#maxMs);
    this.#entries.delete(key);
    this.#entries.set(key, { delayMs, updatedMs: nowMs });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > BACKOFF_KEYS_MAX && oldest !== undefined) this.#entries.delete(oldest);
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) {
      if (key.startsWith(prefix)) this.#entries.delete(key);
    }
  }

  #isForgotten(entry: Entry, sinceMs: number): boolean {
    return sinceMs - entry.updatedMs > 2 * this.#maxMs;
  }
}
