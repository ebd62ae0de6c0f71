/** The cluster's ranges of Pod addresses, and which part of one is free. Pure. */
import { formatCidr, type IpRange } from '#base/ip.ts';

/** A range of the cluster, cut into those of nodes. */
export interface Range {
  readonly cidr: IpRange;
  /** The prefix length of a node's. */
  readonly nodeBits: number;
}

/** Ranges nest, or have nothing in common. */
export function overlaps(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.first < b.first + b.size && b.first < a.first + a.size;
}

/** How many addresses a node gets. */
export function blockSize({ cidr: { family }, nodeBits }: Range): bigint {
  return 1n << BigInt((family === 4 ? 32 : 128) - nodeBits);
}

/** The first range of `nodeBits` that overlaps with none in `used`; undefined when all are taken. */
export function firstFree(range: Range, used: readonly IpRange[]): string | undefined {
  const { family, first, size } = range.cidr;
  const part = blockSize(range);
  const near = used.filter((other) => overlaps(other, range.cidr));
  for (let at = first; at + part <= first + size; at += part) {
    const candidate = { family, first: at, prefix: range.nodeBits, size: part };
    if (!near.some((other) => overlaps(other, candidate))) return formatCidr(candidate);
  }
  return undefined;
}
