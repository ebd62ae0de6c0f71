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

/** The value of one sample, by its whole name: `jobs_total{a="b"}`; 0 when there is none. */
export function sampleOf(registry: MetricRegistry, name: string): number {
  const line = registry
    .text()
    .split('\n')
    .find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length) ?? 0);
}
