/**
 * A range of Pod addresses of the cluster, cut into blocks for nodes, and which of them are taken.
 * A node's block costs the same to find with ten nodes and with ten thousand.
 *
 * Upstream: pkg/controller/nodeipam/ipam/cidrset/cidr_set.go, v1.36.
 */
import { formatCidr, type IpRange } from '#base/ip.ts';

/** A range of the cluster, cut into those of nodes. */
export interface Range {
  readonly cidr: IpRange;
  /** The prefix length of a node's. */
  readonly nodeBits: number;
}

/** Of an IPv6 range at most 2^16 nodes have their part. */
const V6_BITS_MAX = 16;

export class NodeBlocks {
  readonly cidr: IpRange;
  /** How many blocks there are. */
  readonly size: number;
  readonly #nodeBits: number;
  readonly #blockSize: bigint;
  /** By the number of a block: how many hold it. Of those that nobody holds there is no entry. */
  readonly #holders = new Map<number, number>();
  /** Where the next search begins: what was given back is not given again at once. */
  #next = 0;

  /** Throws when nodes would have more of an IPv6 range than 2^16 parts. */
  constructor({ cidr, nodeBits }: Range) {
    const { family, prefix, size } = cidr;
    if (family === 6 && nodeBits - prefix > V6_BITS_MAX)
      throw new Error(
        `The node CIDR size is too big: a /${nodeBits} of ${formatCidr(cidr)}, at most /${prefix + V6_BITS_MAX}`,
      );
    this.cidr = cidr;
    this.#nodeBits = nodeBits;
    this.#blockSize = 1n << BigInt((family === 4 ? 32 : 128) - nodeBits);
    this.size = Number(size / this.#blockSize);
  }

  get taken(): number {
    return this.#holders.size;
  }

  /** Somebody holds `range`, or a part of it; answers how many blocks were free until now. */
  take(range: IpRange): number {
    const before = this.taken;
    for (const block of this.#blocksOf(range))
      this.#holders.set(block, (this.#holders.get(block) ?? 0) + 1);
    return this.taken - before;
  }

  /** Undoes one `take` of the same range; answers how many blocks are free now. */
  release(range: IpRange): number {
    const before = this.taken;
    for (const block of this.#blocksOf(range)) {
      const holders = (this.#holders.get(block) ?? 1) - 1;
      if (holders === 0) this.#holders.delete(block);
      else this.#holders.set(block, holders);
    }
    return before - this.taken;
  }

  /**
   * The next free block behind the one that was found last, and how many were passed by; undefined
   * when all are taken. It stays free until it is taken.
   */
  findFree(): { readonly cidr: IpRange; readonly passed: number } | undefined {
    if (this.taken >= this.size) return undefined;
    let passed = 0;
    while (this.#holders.has((this.#next + passed) % this.size)) passed++;
    const block = (this.#next + passed) % this.size;
    this.#next = (block + 1) % this.size;
    const { family, first } = this.cidr;
    const size = this.#blockSize;
    return {
      cidr: { family, first: first + BigInt(block) * size, prefix: this.#nodeBits, size },
      passed,
    };
  }

  /** The numbers of the blocks that `range` touches. */
  *#blocksOf(range: IpRange): Iterable<number> {
    if (range.family !== this.cidr.family) return;
    const from = Number((range.first - this.cidr.first) / this.#blockSize);
    const last = Number((range.first + range.size - 1n - this.cidr.first) / this.#blockSize);
    // Bigints are cut towards zero: what ends before this range must not count as its first block.
    if (range.first + range.size <= this.cidr.first) return;
    for (let block = Math.max(0, from); block <= Math.min(last, this.size - 1); block++)
      yield block;
  }
}
