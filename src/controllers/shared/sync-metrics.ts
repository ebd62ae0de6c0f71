/** Passes counted and timed by the HTTP status that they ended with, as publishers of CAs do. */
import { StatusError } from '#api/meta/status.ts';
import type { Clock } from '#base/env.ts';
import {
  alpha,
  type Counter,
  exponentialBuckets,
  type Histogram,
  type MetricRegistry,
} from '#base/metrics.ts';

const SECONDS_BUCKETS = exponentialBuckets(0.001, 2, 15);

export class SyncMetrics {
  readonly #syncs: Counter;
  readonly #seconds: Histogram;

  /** `subsystem`: what the names of the metrics begin with. `what`: what passes are of, in words. */
  constructor(registry: MetricRegistry, subsystem: string, what: string) {
    this.#syncs = registry.counter(alpha(`${subsystem}_sync_total`, `Passes of ${what}.`, 'code'));
    this.#seconds = registry.histogram(
      alpha(`${subsystem}_sync_duration_seconds`, `How long passes of ${what} took.`, 'code'),
      SECONDS_BUCKETS,
    );
  }

  /** Runs one pass, and counts it. Rejects with what it rejects with. */
  async measured(clock: Clock, pass: () => Promise<void>): Promise<void> {
    const startMs = clock.monotonicMs();
    const count = (code: number): void => {
      this.#syncs.add([String(code)]);
      this.#seconds.observe([String(code)], (clock.monotonicMs() - startMs) / 1000);
    };
    try {
      await pass();
    } catch (error) {
      count(error instanceof StatusError ? error.code : 500);
      throw error;
    }
    count(200);
  }
}
