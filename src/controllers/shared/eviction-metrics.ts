/**
 * What the two controllers that evict from taints count.
 *
 * Upstream: pkg/controller/{tainteviction,devicetainteviction}/metrics/metrics.go, v1.36 (where the
 * first one multiplies its seconds by 10¹⁸; here they are seconds).
 */
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';

const SECONDS_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240];

export class EvictionMetrics {
  readonly #deletions: Counter;
  readonly #seconds: Histogram;

  /** `subsystem`: what the names begin with. */
  constructor(registry: MetricRegistry, subsystem: string) {
    this.#deletions = registry.counter(
      alpha(`${subsystem}_pod_deletions_total`, 'Pods deleted because of a taint.'),
    );
    this.#seconds = registry.histogram(
      alpha(
        `${subsystem}_pod_deletion_duration_seconds`,
        'How long after it was due a Pod was deleted.',
      ),
      SECONDS_BUCKETS,
    );
  }

  podDeleted(lateMs: number): void {
    this.#deletions.add([]);
    this.#seconds.observe([], lateMs / 1000);
  }
}
