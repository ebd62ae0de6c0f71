/** Limits of the histograms of claims, in seconds: 15 from 0.1 to 40, each so many times the one before. */
import { exponentialBuckets } from '#base/metrics.ts';

const [MIN, MAX, COUNT] = [0.1, 40, 15];

export const DRA_BUCKETS: readonly number[] = exponentialBuckets(
  MIN,
  (MAX / MIN) ** (1 / (COUNT - 1)),
  COUNT,
);
