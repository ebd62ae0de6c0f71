/**
 * How long operations on volumes take: each of them, and what a claim or a volume waits for in all.
 *
 * Upstream: pkg/volume/util/metrics.go, v1.36.
 */
import { alpha, type Histogram, type MetricRegistry } from '#base/metrics.ts';

const SECONDS_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];

/** Of volumes that no driver of old stands behind: `migrated` is always false. */
export function storageOperations(registry: MetricRegistry): Histogram {
  const labels = ['volume_plugin', 'operation_name', 'status', 'migrated'];
  const head = alpha(
    'storage_operation_duration_seconds',
    'Duration of operations on volumes.',
    ...labels,
  );
  return registry.histogram(head, SECONDS_BUCKETS);
}

export function endToEndTimes(registry: MetricRegistry): Histogram {
  const head = alpha(
    'volume_operation_total_seconds',
    'Duration of making a volume until its claim has it, and of deleting one until it is gone.',
    'plugin_name',
    'operation_name',
  );
  return registry.histogram(head, SECONDS_BUCKETS);
}
