/**
 * What is counted of the cluster's ranges, out of which nodes get theirs.
 *
 * Upstream: pkg/controller/nodeipam/ipam/cidrset/{metrics,cidr_set}.go, v1.36.
 */
import { formatCidr } from '#base/ip.ts';
import {
  alpha,
  beta,
  type Counter,
  exponentialBuckets,
  type Histogram,
  type MetricRegistry,
} from '#base/metrics.ts';
import type { NodeBlocks } from './ranges.ts';

const ALLOCATIONS = alpha(
  'node_ipam_controller_cidrset_cidrs_allocations_total',
  'Ranges of nodes that were taken.',
  'clusterCIDR',
);
const RELEASES = alpha(
  'node_ipam_controller_cidrset_cidrs_releases_total',
  'Ranges of nodes that were given back.',
  'clusterCIDR',
);
// The misspelling is upstream's.
const MAX = alpha(
  'node_ipam_controller_cirdset_max_cidrs',
  'Ranges of nodes that there are.',
  'clusterCIDR',
);
const USAGE = alpha(
  'node_ipam_controller_cidrset_usage_cidrs',
  'Which part of them is taken, 0 to 1.',
  'clusterCIDR',
);
const TRIES = alpha(
  'node_ipam_controller_cidrset_allocation_tries_per_request',
  'Ranges that were passed by, because they were taken.',
  'clusterCIDR',
);
const RUNNING = beta(
  'running_managed_controllers',
  'Controllers that run in this process.',
  'name',
  'manager',
);
const TRIES_BUCKETS = exponentialBuckets(1, 5, 5);

/** Says that the controller runs, until `signal`. */
export function showRunning(registry: MetricRegistry, signal: AbortSignal): void {
  const running = registry.gauge(RUNNING);
  // Of its controllers upstream's manager shows this one alone.
  const labels = ['nodeipam', 'kube-controller-manager'];
  running.set(labels, 1);
  signal.addEventListener('abort', () => running.set(labels, 0));
}

export class RangeMetrics {
  readonly #allocations: Counter;
  readonly #releases: Counter;
  readonly #usage: Counter;
  readonly #tries: Histogram;

  constructor(registry: MetricRegistry, pools: readonly NodeBlocks[]) {
    this.#allocations = registry.counter(ALLOCATIONS);
    this.#releases = registry.counter(RELEASES);
    this.#usage = registry.gauge(USAGE);
    this.#tries = registry.histogram(TRIES, TRIES_BUCKETS);
    const max = registry.gauge(MAX);
    for (const pool of pools) {
      max.set([labelOf(pool)], pool.size);
      this.#showUsage(pool);
    }
  }

  taken(pool: NodeBlocks, blocks: number): void {
    if (blocks > 0) this.#allocations.add([labelOf(pool)], blocks);
    this.#showUsage(pool);
  }

  released(pool: NodeBlocks, blocks: number): void {
    if (blocks > 0) this.#releases.add([labelOf(pool)], blocks);
    this.#showUsage(pool);
  }

  /** A free block was found, after so many that were taken. */
  found(pool: NodeBlocks, passed: number): void {
    this.#tries.observe([labelOf(pool)], passed);
  }

  #showUsage(pool: NodeBlocks): void {
    this.#usage.set([labelOf(pool)], pool.size === 0 ? 0 : pool.taken / pool.size);
  }
}

function labelOf({ cidr }: NodeBlocks): string {
  return formatCidr(cidr);
}
