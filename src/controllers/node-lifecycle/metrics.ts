/**
 * What is counted of nodes and their zones.
 *
 * Upstream: pkg/controller/nodelifecycle/metrics.go, v1.36.
 */
import type { Clock } from '#base/env.ts';
import {
  alpha,
  type Counter,
  exponentialBuckets,
  type Histogram,
  type MetricRegistry,
  stable,
} from '#base/metrics.ts';

const HEALTH = alpha('node_collector_zone_health', 'Percentage of ready nodes.', 'zone');
const SIZE = alpha('node_collector_zone_size', 'Nodes.', 'zone');
const UNHEALTHY = alpha(
  'node_collector_unhealthy_nodes_in_zone',
  'Nodes that are not ready.',
  'zone',
);
const EVICTIONS = stable('node_collector_evictions_total', 'Nodes that were given up.', 'zone');
const NODE_SECONDS = alpha(
  'node_collector_update_node_health_duration_seconds',
  'How long it took to look at one node.',
);
const ALL_SECONDS = alpha(
  'node_collector_update_all_nodes_health_duration_seconds',
  'How long it took to look at all nodes.',
);
const NODE_BUCKETS = exponentialBuckets(0.001, 4, 8);
const ALL_BUCKETS = exponentialBuckets(0.01, 4, 8);

export class NodeMetrics {
  readonly #clock: Clock;
  readonly #health: Counter;
  readonly #size: Counter;
  readonly #unhealthy: Counter;
  readonly #evictions: Counter;
  readonly #nodeSeconds: Histogram;
  readonly #allSeconds: Histogram;
  readonly #zones = new Set<string>();

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    this.#health = registry.gauge(HEALTH);
    this.#size = registry.gauge(SIZE);
    this.#unhealthy = registry.gauge(UNHEALTHY);
    this.#evictions = registry.counter(EVICTIONS);
    this.#nodeSeconds = registry.histogram(NODE_SECONDS, NODE_BUCKETS);
    this.#allSeconds = registry.histogram(ALL_SECONDS, ALL_BUCKETS);
  }

  /** Measures a look at one node, or at all. */
  async look<T>(at: 'node' | 'all', work: () => Promise<T>): Promise<T> {
    const startMs = this.#clock.monotonicMs();
    try {
      return await work();
    } finally {
      const seconds = (this.#clock.monotonicMs() - startMs) / 1000;
      (at === 'node' ? this.#nodeSeconds : this.#allSeconds).observe([], seconds);
    }
  }

  /** For each zone, whether each of its nodes is ready. */
  zonesSeen(readiness: ReadonlyMap<string, readonly boolean[]>): void {
    for (const [zone, nodes] of readiness) {
      this.#zones.add(zone);
      this.#evictions.add([zone], 0);
      const ready = nodes.filter((isReady) => isReady).length;
      this.#show(zone, { size: nodes.length, ready });
    }
    for (const zone of this.#zones.difference(new Set(readiness.keys()))) {
      this.#zones.delete(zone);
      this.#show(zone, { size: 0, ready: 0 });
    }
  }

  nodeEvicted(zone: string): void {
    this.#evictions.add([zone]);
  }

  #show(zone: string, { size, ready }: { readonly size: number; readonly ready: number }): void {
    this.#size.set([zone], size);
    this.#health.set([zone], size === 0 ? 100 : (100 * ready) / size);
    this.#unhealthy.set([zone], size - ready);
  }
}
