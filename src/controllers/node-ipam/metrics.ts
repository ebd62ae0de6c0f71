/**
 * What is counted of the cluster's ranges, out of which nodes get theirs.
 *
 * Upstream: pkg/controller/nodeipam/ipam/cidrset/{metrics,cidr_set}.go, v1.36.
 */
import { formatCidr, type IpRange, parseCidr } from '#base/ip.ts';
import {
  alpha,
  beta,
  type Counter,
  exponentialBuckets,
  type Histogram,
  type MetricRegistry,
} from '#base/metrics.ts';
import { blockSize, overlaps, type Range } from './ranges.ts';

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

interface Pool {
  readonly range: Range;
  readonly label: string;
  /** How many ranges of nodes it has. */
  readonly size: number;
  used: number;
}

export class RangeMetrics {
  readonly #pools: readonly Pool[];
  readonly #allocations: Counter;
  readonly #releases: Counter;
  readonly #usage: Counter;
  readonly #tries: Histogram;
  /** By the name of the node: what of it has been counted. */
  readonly #held = new Map<string, readonly IpRange[]>();

  /** `reserved`: what no node may have. */
  constructor(registry: MetricRegistry, ranges: readonly Range[], reserved: readonly IpRange[]) {
    this.#allocations = registry.counter(ALLOCATIONS);
    this.#releases = registry.counter(RELEASES);
    this.#usage = registry.gauge(USAGE);
    this.#tries = registry.histogram(TRIES, TRIES_BUCKETS);
    const max = registry.gauge(MAX);
    this.#pools = ranges.map((range) => {
      const size = Number(range.cidr.size / blockSize(range));
      const pool = { range, label: formatCidr(range.cidr), size, used: 0 };
      max.set([pool.label], size);
      this.#usage.set([pool.label], 0);
      return pool;
    });
    for (const range of reserved) this.#take(range);
  }

  /** A node has these ranges; counted once. */
  nodeHas(name: string, cidrs: readonly string[]): void {
    if (this.#held.has(name)) return;
    const ranges = cidrs.flatMap((text) => parseCidr(text) ?? []);
    this.#held.set(name, ranges);
    for (const range of ranges) this.#take(range);
  }

  nodeGone(name: string): void {
    for (const range of this.#held.get(name) ?? [])
      for (const { pool, blocks } of this.#touched(range)) {
        pool.used -= blocks;
        this.#releases.add([pool.label], blocks);
        this.#usage.set([pool.label], pool.used / pool.size);
      }
    this.#held.delete(name);
  }

  /** The first free range of a pool was found to be this. */
  found({ cidr }: Range, first: string): void {
    const pool = this.#pools.find(({ range }) => range.cidr === cidr);
    const block = parseCidr(first);
    if (pool === undefined || block === undefined) return;
    this.#tries.observe([pool.label], Number((block.first - cidr.first) / blockSize(pool.range)));
  }

  #take(range: IpRange): void {
    for (const { pool, blocks } of this.#touched(range)) {
      pool.used += blocks;
      this.#allocations.add([pool.label], blocks);
      this.#usage.set([pool.label], pool.used / pool.size);
    }
  }

  /** How many blocks of which pools a range covers, if only in part. */
  #touched(range: IpRange): { readonly pool: Pool; readonly blocks: number }[] {
    return this.#pools
      .filter((pool) => overlaps(pool.range.cidr, range))
      .map((pool) => {
        const part = blockSize(pool.range);
        const size = range.size < pool.range.cidr.size ? range.size : pool.range.cidr.size;
        return { pool, blocks: Number((size + part - 1n) / part) };
      });
  }
}
