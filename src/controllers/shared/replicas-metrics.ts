/**
 * What the controllers of replicas count: how old Pods are that go first, beside the youngest.
 *
 * Upstream: reportSortingDeletionAgeRatioMetric in pkg/controller/replicaset/replica_set.go, v1.36
 * (which cuts the fraction off, and divides by zero when the youngest is of this moment).
 */
import { isPodReady } from '#api/core/pod-helpers.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { alpha, exponentialBuckets, type Histogram, type MetricRegistry } from '#base/metrics.ts';

const AGE_RATIO = alpha(
  'replicaset_controller_sorting_deletion_age_ratio',
  'The age of a ready Pod chosen for deletion, beside that of the youngest ready one.',
);
const BUCKETS = exponentialBuckets(0.25, 2, 6);

export const ageRatios = (registry: MetricRegistry): Histogram =>
  registry.histogram(AGE_RATIO, BUCKETS);

/** For each ready Pod of `chosen`, its age over the least age of all ready `pods`. */
export function agesBesideYoungest(
  pods: readonly Pod[],
  chosen: readonly Pod[],
  nowMs: number,
): number[] {
  const ageMs = ({ metadata }: Pod): number =>
    nowMs - Date.parse(metadata?.creationTimestamp ?? '');
  const youngestMs = Math.min(...pods.filter(isPodReady).map(ageMs));
  if (!(youngestMs > 0)) return [];
  return chosen.filter(isPodReady).map((pod) => ageMs(pod) / youngestMs);
}
