/**
 * How long it takes until a claim has the volume that was asked for, and until a released volume is
 * gone; whoever makes and deletes them.
 *
 * Upstream: OperationStartTimeCache in pkg/controller/volume/persistentvolume/metrics/metrics.go,
 * v1.36.
 */
import type { Clock } from '#base/env.ts';
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import { endToEndTimes } from '../shared/storage-metrics.ts';

const MS_PER_SECOND = 1000;
const LABELS = ['plugin_name', 'operation_name'];
const FAILURES = alpha('volume_operation_errors_total', 'Failed operations on volumes.', ...LABELS);
const FAILURES_OF_OLD = alpha(
  'volume_operation_total_errors',
  '(Deprecated since 1.36.0) Failed operations on volumes.',
  ...LABELS,
);

interface Begun {
  readonly labels: readonly string[];
  readonly startedMs: number;
}

export class OperationTimes {
  readonly #clock: Clock;
  readonly #seconds: Histogram;
  readonly #failures: readonly Counter[];
  /** By the key of the claim or volume: what is waited for. */
  readonly #begun = new Map<string, Begun>();

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    this.#seconds = endToEndTimes(registry);
    this.#failures = [FAILURES, FAILURES_OF_OLD].map((head) => registry.counter(head));
  }

  /** The first time counts. */
  begin(key: string, plugin: string, operation: 'provision' | 'delete'): void {
    if (this.#begun.has(key)) return;
    const startedMs = this.#clock.monotonicMs();
    this.#begun.set(key, { labels: [plugin, operation], startedMs });
  }

  /** It goes on: only success ends it. */
  failed(key: string): void {
    const begun = this.#begun.get(key);
    if (begun !== undefined) for (const failures of this.#failures) failures.add(begun.labels);
  }

  succeeded(key: string): void {
    const begun = this.#begun.get(key);
    if (begun === undefined) return;
    const ms = this.#clock.monotonicMs() - begun.startedMs;
    this.#seconds.observe(begun.labels, ms / MS_PER_SECOND);
    this.#begun.delete(key);
  }

  forget(key: string): void {
    this.#begun.delete(key);
  }

  /** Ends with `work`. */
  async endWith(key: string, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.failed(key);
      throw error;
    }
    this.succeeded(key);
  }
}
