/**
 * Compaction as upstream does it: every five minutes, to the revision of five minutes before. Then
 * the history behind that mark is cut to its policy.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/storage/etcd3/compact.go and
 * --etcd-compaction-interval.
 */
import { messageOf } from '#base/error.ts';
import type { Environment, Timer } from '#base/env.ts';
import type { WatchHub } from '../watch-cache/hub.ts';
import { excludedPrefixes, type HistoryPolicy } from './policy.ts';

const EVERY_MS = 5 * 60_000;

export class Compactor {
  readonly #environment: Environment;
  readonly #hub: WatchHub;
  readonly #policy: HistoryPolicy;
  /** The newest revision at the last tick: the next tick compacts to it. */
  #seen = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: {
    readonly environment: Environment;
    readonly hub: WatchHub;
    readonly policy: HistoryPolicy;
  }) {
    this.#environment = options.environment;
    this.#hub = options.hub;
    this.#policy = options.policy;
  }

  /** The hub has been started. The policy holds from now on: another one may have been in force. */
  start(): void {
    this.#seen = this.#hub.revision;
    void this.#try(() => this.#retain()).finally(() => this.#later());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #later(): void {
    if (this.#stopped) return;
    this.#timer = this.#environment.timers.after(EVERY_MS, () => {
      void this.#try(() => this.#compact()).finally(() => this.#later());
    });
  }

  async #compact(): Promise<void> {
    const mark = this.#seen;
    this.#seen = this.#hub.revision;
    // Refused here first: nobody is told of a page that the store does not have any more.
    this.#hub.compacted = Math.max(this.#hub.compacted, mark);
    await this.#hub.store.compact(mark);
    await this.#retain();
  }

  async #retain(): Promise<void> {
    const { retentionMs, maxBytes } = this.#policy;
    await this.#hub.store.history?.retain({
      keepAfterMs: this.#environment.clock.now() - retentionMs,
      maxBytes,
      excluded: excludedPrefixes(this.#policy),
    });
  }

  /** What the store cannot do now it can do five minutes later. */
  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#stopped) return;
      this.#environment.log.warn('Cannot compact the store', { error: messageOf(error) });
    }
  }
}
