/** What metrics say, in lines that a test can compare. */
import type { MetricRegistry } from '#base/metrics.ts';

/**
 * The samples of metrics whose names begin with `prefix`, without it: `jobs_total{a="b"} 1`. Those
 * that are 0, and of histograms the buckets and sums, are left out.
 */
export function countsOf(registry: MetricRegistry, prefix: string): string[] {
  return registry
    .text()
    .split('\n')
    .filter((line) => line.startsWith(prefix) && !/_(?:bucket|sum)[{ ]| 0$/.test(line))
    .map((line) => line.slice(prefix.length))
    .sort();
}
