/**
 * What the mirroring of Endpoints counts.
 *
 * Upstream: pkg/controller/endpointslicemirroring/metrics/metrics.go and its callers, v1.36.
 */
import type { Clock } from '#base/env.ts';
import {
  alpha,
  type Counter,
  exponentialBuckets,
  type Histogram,
  type MetricRegistry,
} from '#base/metrics.ts';
import {
  endpointChanges,
  type SliceChange,
  sumOver,
  type Totals,
  totalsAfter,
} from '../shared/slice-counts.ts';
import { ENDPOINTS_PER_SUBSET_MAX, type MirrorPlan } from './plan.ts';

const ADDED = alpha(
  'endpoint_slice_mirroring_controller_endpoints_added_per_sync',
  'Endpoints that came.',
);
const UPDATED = alpha(
  'endpoint_slice_mirroring_controller_endpoints_updated_per_sync',
  'Endpoints that changed.',
);
const REMOVED = alpha(
  'endpoint_slice_mirroring_controller_endpoints_removed_per_sync',
  'Endpoints that went.',
);
const SKIPPED = alpha(
  'endpoint_slice_mirroring_controller_addresses_skipped_per_sync',
  'Addresses that are none, or too many.',
);
const SECONDS = alpha(
  'endpoint_slice_mirroring_controller_endpoints_sync_duration',
  'How long passes of Endpoints took, in seconds.',
);
const ENDPOINTS = alpha('endpoint_slice_mirroring_controller_endpoints_desired', 'Endpoints.');
const SLICES = alpha('endpoint_slice_mirroring_controller_num_endpoint_slices', 'EndpointSlices.');
const WANTED_SLICES = alpha(
  'endpoint_slice_mirroring_controller_desired_endpoint_slices',
  'EndpointSlices that there would be if all were full.',
);
const CHANGES = alpha(
  'endpoint_slice_mirroring_controller_changes',
  'Writes of EndpointSlices.',
  'operation',
);
const COUNT_BUCKETS = exponentialBuckets(2, 2, 15);
const SECONDS_BUCKETS = exponentialBuckets(0.001, 2, 15);

export class MirrorMetrics {
  readonly #added: Histogram;
  readonly #updated: Histogram;
  readonly #removed: Histogram;
  readonly #skipped: Histogram;
  readonly #seconds: Histogram;
  readonly #changes: Counter;
  /** By the key of the Endpoints. */
  readonly #totals = new Map<string, Totals>();

  constructor(registry: MetricRegistry) {
    this.#added = registry.histogram(ADDED, COUNT_BUCKETS);
    this.#updated = registry.histogram(UPDATED, COUNT_BUCKETS);
    this.#removed = registry.histogram(REMOVED, COUNT_BUCKETS);
    this.#skipped = registry.histogram(SKIPPED, COUNT_BUCKETS);
    this.#seconds = registry.histogram(SECONDS, SECONDS_BUCKETS);
    this.#changes = registry.counter(CHANGES);
    registry.observed(
      ENDPOINTS,
      sumOver(this.#totals, ({ endpoints }) => endpoints),
    );
    registry.observed(
      SLICES,
      sumOver(this.#totals, ({ slices }) => slices),
    );
    registry.observed(
      WANTED_SLICES,
      sumOver(this.#totals, ({ wantedSlices }) => wantedSlices),
    );
  }

  /** Measures a pass. */
  async sync(clock: Clock, work: () => Promise<void>): Promise<void> {
    const startMs = clock.monotonicMs();
    try {
      await work();
    } finally {
      this.#seconds.observe([], (clock.monotonicMs() - startMs) / 1000);
    }
  }

  /** What a pass is going to write. */
  planned(key: string, plan: MirrorPlan, change: SliceChange): void {
    const { added, updated, removed } = endpointChanges(change);
    this.#added.observe([], added);
    this.#updated.observe([], updated);
    this.#removed.observe([], removed);
    this.#skipped.observe([], plan.invalid + plan.skipped);
    this.#totals.set(key, totalsAfter(change, ENDPOINTS_PER_SUBSET_MAX));
  }

  wrote(operation: 'create' | 'update' | 'delete'): void {
    this.#changes.add([operation]);
  }

  /** The Endpoints are gone, or are not mirrored any more. */
  gone(key: string): void {
    this.#totals.delete(key);
  }
}
