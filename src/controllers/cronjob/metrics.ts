/**
 * What the CronJob controller counts.
 *
 * Upstream: pkg/controller/cronjob/metrics/metrics.go, v1.36.
 */
import type { Job } from '#api/gen/batch-v1.ts';
import { exponentialBuckets, type Histogram, type MetricRegistry, stable } from '#base/metrics.ts';

const SKEW = stable(
  'cronjob_controller_job_creation_skew_duration_seconds',
  'How long after its time of the schedule a Job was created.',
);
const BUCKETS = exponentialBuckets(1, 2, 10);

export class CronJobMetrics {
  readonly #skew: Histogram;

  constructor(registry: MetricRegistry) {
    this.#skew = registry.histogram(SKEW, BUCKETS);
  }

  jobCreated({ metadata }: Job, scheduledMs: number): void {
    const createdMs = Date.parse(metadata?.creationTimestamp ?? '');
    this.#skew.observe([], (createdMs - scheduledMs) / 1000);
  }
}
