/**
 * What the EndpointSlice controller counts.
 *
 * Upstream: staging/src/k8s.io/endpointslice/metrics/metrics.go and its callers, v1.36.
 */
import type { Service } from '#api/gen/core-v1.ts';
import {
  alpha,
  beta,
  type Counter,
  countsBy,
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
import { ENDPOINTS_PER_SLICE_MAX } from './plan.ts';
import { wantsTopology } from './topology.ts';

const ADDED = beta('endpoint_slice_controller_endpoints_added_per_sync', 'Endpoints that came.');
const REMOVED = beta(
  'endpoint_slice_controller_endpoints_removed_per_sync',
  'Endpoints that went.',
);
const ENDPOINTS = beta('endpoint_slice_controller_endpoints_desired', 'Endpoints.');
const SLICES = beta('endpoint_slice_controller_num_endpoint_slices', 'EndpointSlices.');
const WANTED_SLICES = beta(
  'endpoint_slice_controller_desired_endpoint_slices',
  'EndpointSlices that there would be if all were full.',
);
const CHANGES = alpha(
  'endpoint_slice_controller_changes',
  'Writes of EndpointSlices.',
  'operation',
);
const CHANGED = alpha(
  'endpoint_slice_controller_endpointslices_changed_per_sync',
  'EndpointSlices that one pass of a Service wrote.',
  'topology',
  'traffic_distribution',
);
const SYNCS = alpha('endpoint_slice_controller_syncs', 'Passes of Services.', 'result');
const DISTRIBUTIONS = beta(
  'endpoint_slice_controller_services_count_by_traffic_distribution',
  'Services, by where they prefer their traffic to stay.',
  'traffic_distribution',
);
const ENDPOINT_BUCKETS = exponentialBuckets(2, 2, 15);
/** What a histogram has that was given none. */
const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const KNOWN_DISTRIBUTIONS = new Set(['PreferClose', 'PreferSameZone', 'PreferSameNode']);

export type Operation = 'create' | 'update' | 'delete';

interface Entry extends Totals {
  readonly distribution: string;
}

export class SliceMetrics {
  readonly #added: Histogram;
  readonly #removed: Histogram;
  readonly #changes: Counter;
  readonly #changed: Histogram;
  readonly #syncs: Counter;
  /** By the key of the Service. */
  readonly #entries = new Map<string, Entry>();

  constructor(registry: MetricRegistry) {
    this.#added = registry.histogram(ADDED, ENDPOINT_BUCKETS);
    this.#removed = registry.histogram(REMOVED, ENDPOINT_BUCKETS);
    this.#changes = registry.counter(CHANGES);
    this.#changed = registry.histogram(CHANGED, DEFAULT_BUCKETS);
    this.#syncs = registry.counter(SYNCS);
    registry.observed(
      ENDPOINTS,
      sumOver(this.#entries, ({ endpoints }) => endpoints),
    );
    registry.observed(
      SLICES,
      sumOver(this.#entries, ({ slices }) => slices),
    );
    // A Service without endpoints has an empty slice.
    registry.observed(
      WANTED_SLICES,
      sumOver(this.#entries, ({ wantedSlices }) => Math.max(1, wantedSlices)),
    );
    registry.observed(DISTRIBUTIONS, () =>
      countsBy(
        [...this.#entries.values()].filter(({ distribution }) => distribution !== ''),
        ({ distribution }) => [distribution],
      ),
    );
  }

  /** What a pass is going to write. */
  planned(key: string, service: Service, change: SliceChange): void {
    const { added, removed } = endpointChanges(change);
    this.#added.observe([], added);
    this.#removed.observe([], removed);
    const distribution = distributionOf(service);
    this.#entries.set(key, { ...totalsAfter(change, ENDPOINTS_PER_SLICE_MAX), distribution });
  }

  wrote(operation: Operation): void {
    this.#changes.add([operation]);
  }

  synced(service: Service, { creates, updates, deletes }: SliceChange): void {
    const written = creates.length + updates.length + deletes.length;
    const topology = wantsTopology(service) ? 'Auto' : 'Disabled';
    this.#changed.observe([topology, distributionOf(service)], written);
    this.#syncs.add(['success']);
  }

  failed(): void {
    this.#syncs.add(['error']);
  }

  /** The Service is gone, or has no endpoints of this controller any more. */
  gone(key: string): void {
    this.#entries.delete(key);
  }
}

/** Hints by topology come before those by distribution. */
function distributionOf(service: Service): string {
  const { trafficDistribution: value = '' } = service.spec ?? {};
  return KNOWN_DISTRIBUTIONS.has(value) && !wantsTopology(service) ? value : '';
}
