/**
 * Node IPAM: gives each node a range of Pod addresses of its own out of the cluster's.
 *
 * Upstream: pkg/controller/nodeipam/ipam/range_allocator.go, v1.36.
 */
import { NODE } from '#api/core/node.ts';
import type { Node } from '#api/gen/core-v1.ts';
import type { Informer } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Setup,
} from '#reconcile/controller.ts';
import { type IpRange, parseCidr } from '#base/ip.ts';
import { RangeMetrics, showRunning } from './node-ipam/metrics.ts';
import { firstFree, type Range } from './node-ipam/ranges.ts';
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

/** Throws when a range cannot be read. */
export function nodeIpamController(options: NodeIpamOptions): Controller {
  const ranges = options.clusterCidrs.map((text) => {
    const cidr = rangeOf(text);
    const nodeBits =
      cidr.family === 4
        ? (options.nodeBitsV4 ?? NODE_BITS_V4)
        : (options.nodeBitsV6 ?? NODE_BITS_V6);
    return { cidr, nodeBits };
  });
  const reserved = (options.serviceCidrs ?? []).map(rangeOf);
  return defineKeyController({
    name: 'cidrAllocator',
    queue: 'cidrallocator_node',
    identity: 'node-controller',
    // One at a time: two nodes must never be given the same range.
    concurrency: 1,
    create: (setup) => {
      showRunning(setup.metrics, setup.signal);
      const ipam = new Ipam(setup, ranges, reserved);
      return (key, pass) => ipam.reconcile(key, pass);
    },
  });
}

class Ipam {
  readonly #setup: Setup;
  readonly #ranges: readonly Range[];
  readonly #reserved: readonly IpRange[];
  readonly #nodes: Informer<Node>;
  /** Given to a node in this process, which the cache may not show yet. */
  readonly #given = new Map<string, readonly string[]>();
  readonly #metrics: RangeMetrics;

  constructor(setup: Setup, ranges: readonly Range[], reserved: readonly IpRange[]) {
    this.#setup = setup;
    this.#ranges = ranges;
    this.#reserved = reserved;
    this.#metrics = new RangeMetrics(setup.metrics, ranges, reserved);
    this.#nodes = setup.watch(NODE, ({ type, key, object }) => {
      if (type === 'deleted') {
        this.#given.delete(key);
        this.#metrics.nodeGone(key);
        return [];
      }
      const cidrs = object.spec?.podCIDRs ?? [];
      if (cidrs.length === 0) return [key];
      this.#metrics.nodeHas(key, cidrs);
      return [];
    });
  }

  async reconcile(key: string, { client }: Pass): Promise<void> {
    const node = this.#nodes.get(key);
    if (node === undefined || node.metadata?.deletionTimestamp !== undefined) return;
    if ((node.spec?.podCIDRs ?? []).length > 0) return;
    const cidrs = this.#given.get(key) ?? this.#find();
    if (cidrs === undefined) return this.#refuse(node);
    this.#given.set(key, cidrs);
    await client.patch(NODE, { name: key }, 'strategic', {
      spec: { podCIDR: cidrs[0], podCIDRs: cidrs },
    });
  }

  /** A free range out of each of the cluster's; undefined when one has none. */
  #find(): string[] | undefined {
    const used = this.#used();
    const found: string[] = [];
    for (const range of this.#ranges) {
      const cidr = firstFree(range, used);
      if (cidr === undefined) return undefined;
      this.#metrics.found(range, cidr);
      found.push(cidr);
    }
    return found;
  }

  #used(): IpRange[] {
    const taken = this.#nodes.list().flatMap((node) => node.spec?.podCIDRs ?? []);
    return [...this.#reserved, ...[...taken, ...[...this.#given.values()].flat()].map(rangeOf)];
  }

  #refuse(node: Node): never {
    const name = node.metadata?.name ?? '';
    this.#setup.events.event({
      about: { reference: nodeReference(node) },
      type: 'Normal',
      reason: 'CIDRNotAvailable',
      message: `Node ${name} status is now: CIDRNotAvailable`,
    });
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
