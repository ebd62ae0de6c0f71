/**
 * Patience with Pods that fail: a node that refuses its Pod would otherwise be sent another at once,
 * for ever. From one deletion to the next the wait doubles, from a second to fifteen minutes.
 *
 * Upstream: failedPodsBackoff of pkg/controller/daemon (client-go's flowcontrol.Backoff), v1.36.
 */
const FIRST_MS = 1_000;
const LONGEST_MS = 15 * 60_000;
/** A node that was quiet for so long starts anew. */
const FORGET_MS = 2 * LONGEST_MS;
/** Nodes that are remembered; beyond it the one that failed longest ago is forgotten. */
const NODES_MAX = 100_000;

interface Entry {
  readonly waitMs: number;
  readonly sinceMs: number;
}

export class FailedPods {
  readonly #entries = new Map<string, Entry>();

  /** How long the next failure under `key` is left alone from now on, in milliseconds. */
  leftMs(key: string, nowMs: number): number {
    const entry = this.#fresh(key, nowMs);
    return entry === undefined ? 0 : Math.max(0, entry.sinceMs + entry.waitMs - nowMs);
  }

  /** A Pod under `key` is deleted now, because it failed. */
  deleted(key: string, nowMs: number): void {
    const before = this.#fresh(key, nowMs)?.waitMs;
    const waitMs = before === undefined ? FIRST_MS : Math.min(2 * before, LONGEST_MS);
    this.#entries.delete(key);
    this.#entries.set(key, { waitMs, sinceMs: nowMs });
    this.#collect(nowMs);
  }

  #fresh(key: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined || isOver(entry, nowMs) ? undefined : entry;
  }

  /** Entries stand in the order of their times. */
  #collect(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      if (!isOver(entry, nowMs) && this.#entries.size <= NODES_MAX) return;
      this.#entries.delete(key);
    }
  }
}

function isOver({ sinceMs }: Entry, nowMs: number): boolean {
  return nowMs - sinceMs > FORGET_MS;
}
