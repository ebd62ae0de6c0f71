/**
 * Node IPAM: gives each node a range of Pod addresses of its own out of the cluster's.
 *
 * Upstream: pkg/controller/nodeipam/ipam/range_allocator.go, v1.36.
 */
import { isDeepStrictEqual } from 'node:util';
import { NODE } from '#api/core/node.ts';
import type { Node } from '#api/gen/core-v1.ts';
import type { Informer } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Setup,
} from '#reconcile/controller.ts';
import { formatCidr, type IpRange, parseCidr } from '#base/ip.ts';
import { RangeMetrics, showRunning } from './node-ipam/metrics.ts';
import { NodeBlocks } from './node-ipam/ranges.ts';
import { nodeReference } from './shared/nodes.ts';

const NODE_BITS_V4 = 24;
const NODE_BITS_V6 = 64;

export interface NodeIpamOptions {
  /** One range, or one for each family: `10.244.0.0/16`. */
  readonly clusterCidrs: readonly string[];
  /** Ranges that Services take out of the cluster's. */
  readonly serviceCidrs?: readonly string[];
  readonly nodeBitsV4?: number;
  readonly nodeBitsV6?: number;
}

/** Throws when a range cannot be read, or is too large. */
export function nodeIpamController(options: NodeIpamOptions): Controller {
  const ranges = options.clusterCidrs.map((text) => {
    const cidr = rangeOf(text);
    const nodeBits =
      cidr.family === 4
        ? (options.nodeBitsV4 ?? NODE_BITS_V4)
        : (options.nodeBitsV6 ?? NODE_BITS_V6);
    return { cidr, nodeBits };
  });
  const poolsOf = (): NodeBlocks[] => ranges.map((range) => new NodeBlocks(range));
  // Each start begins with empty pools; what cannot be cut is refused at once.
  poolsOf();
  const reserved = (options.serviceCidrs ?? []).map(rangeOf);
  return defineKeyController({
    name: 'cidrAllocator',
    queue: 'cidrallocator_node',
    identity: 'node-controller',
    // One at a time: two nodes must never be given the same range.
    concurrency: 1,
    create: (setup) => {
      showRunning(setup.metrics, setup.signal);
      const ipam = new Ipam(setup, poolsOf(), reserved);
      return (key, pass) => ipam.reconcile(key, pass);
    },
  });
}

class Ipam {
  readonly #setup: Setup;
  readonly #pools: readonly NodeBlocks[];
  readonly #nodes: Informer<Node>;
  /** By the name of the node: what it has, or was given here and the cache may not show yet. */
  readonly #held = new Map<string, readonly IpRange[]>();
  readonly #metrics: RangeMetrics;

  constructor(setup: Setup, pools: readonly NodeBlocks[], reserved: readonly IpRange[]) {
    this.#setup = setup;
    this.#pools = pools;
    this.#metrics = new RangeMetrics(setup.metrics, pools);
    for (const range of reserved) this.#take(range);
    this.#nodes = setup.watch(NODE, ({ type, key, object }) => {
      if (type === 'deleted') {
        this.#release(key);
        return [];
      }
      const cidrs = object.spec?.podCIDRs ?? [];
      if (cidrs.length === 0) return [key];
      this.#hold(
        key,
        cidrs.flatMap((text) => parseCidr(text) ?? []),
      );
      return [];
    });
  }

  async reconcile(key: string, { client }: Pass): Promise<void> {
    const node = this.#nodes.get(key);
    if (node === undefined || node.metadata?.deletionTimestamp !== undefined) return;
    if ((node.spec?.podCIDRs ?? []).length > 0) return;
    const ranges = this.#held.get(key) ?? this.#find();
    if (ranges === undefined) return this.#refuse(node);
    this.#hold(key, ranges);
    const cidrs = ranges.map(formatCidr);
    const patch = { spec: { podCIDR: cidrs[0], podCIDRs: cidrs } };
    await client.patch(NODE, { name: key }, 'strategic', patch).catch((error: unknown) => {
      this.#tell(node, 'CIDRAssignmentFailed');
      throw error;
    });
  }

  /** A free block of each of the cluster's ranges; undefined when one has none. */
  #find(): IpRange[] | undefined {
    const found: IpRange[] = [];
    for (const pool of this.#pools) {
      const free = pool.findFree();
      if (free === undefined) return undefined;
      this.#metrics.found(pool, free.passed);
      found.push(free.cidr);
    }
    return found;
  }

  /** The node has these ranges and no others. */
  #hold(key: string, ranges: readonly IpRange[]): void {
    const held = this.#held.get(key);
    if (held !== undefined && isDeepStrictEqual(held, ranges)) return;
    this.#release(key);
    this.#held.set(key, ranges);
    for (const range of ranges) this.#take(range);
  }

  #take(range: IpRange): void {
    for (const pool of this.#pools) this.#metrics.taken(pool, pool.take(range));
  }

  #release(key: string): void {
    for (const range of this.#held.get(key) ?? [])
      for (const pool of this.#pools) this.#metrics.released(pool, pool.release(range));
    this.#held.delete(key);
  }

  #tell(node: Node, status: 'CIDRNotAvailable' | 'CIDRAssignmentFailed'): void {
    this.#setup.events.event({
      about: { reference: nodeReference(node) },
      type: 'Normal',
      reason: status,
      message: `Node ${node.metadata?.name ?? ''} status is now: ${status}`,
    });
  }

  #refuse(node: Node): never {
    this.#tell(node, 'CIDRNotAvailable');
    throw new Error(
      'failed to allocate cidr from cluster cidr: CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range',
    );
  }
}

function rangeOf(text: string): IpRange {
  const range = parseCidr(text);
  if (range === undefined)
    throw new Error(`Cannot read range ${JSON.stringify(text)}: must be like 10.244.0.0/16`);
  return range;
}
