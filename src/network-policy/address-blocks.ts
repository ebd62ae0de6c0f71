/** `ipBlock`: ranges of addresses, without exceptions, no two of which overlap. Pure. */
import type { IPBlock } from '#api/gen/networking-v1.ts';
import { formatIp, type IpAddress, parseCidr } from '#base/ip.ts';

export type Family = IpAddress['family'];
export const FAMILIES: readonly Family[] = [4, 6];

/** From the first to the last address. */
export interface AddressBlock {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** What is in one of `ipBlocks`: an exception of one takes nothing away from another. */
export function addressBlocksOf(ipBlocks: readonly IPBlock[]): AddressBlock[] {
  const blocks = ipBlocks.flatMap(blocksOf);
  return FAMILIES.flatMap((family) => joined(blocks.filter((block) => block.family === family)));
}

export function addressBlockText({ family, first, last }: AddressBlock): string {
  const text = (value: bigint): string => formatIp({ family, value });
  return first === last ? text(first) : `${text(first)}-${text(last)}`;
}

export function blocksContain(
  blocks: readonly AddressBlock[],
  { family, value }: IpAddress,
): boolean {
  return blocks.some(
    (block) => block.family === family && value >= block.first && value <= block.last,
  );
}

function blocksOf({ cidr, except = [] }: IPBlock): AddressBlock[] {
  let blocks = blockOf(cidr);
  for (const hole of except.flatMap(blockOf)) blocks = blocks.flatMap((block) => cut(block, hole));
  return blocks;
}

/** None when it is no range. */
function blockOf(cidr: string): AddressBlock[] {
  const range = parseCidr(cidr);
  if (range === undefined) return [];
  const { family, first, size } = range;
  return [{ family, first, last: first + size - 1n }];
}

function cut(block: AddressBlock, hole: AddressBlock): AddressBlock[] {
  const { family } = block;
  if (hole.family !== family || hole.last < block.first || hole.first > block.last) return [block];
  const sides = [
    { family, first: block.first, last: hole.first - 1n },
    { family, first: hole.last + 1n, last: block.last },
  ];
  return sides.filter(({ first, last }) => first <= last);
}

/** Of one family. */
function joined(blocks: readonly AddressBlock[]): AddressBlock[] {
  const result: AddressBlock[] = [];
  for (const block of blocks.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const last = result.at(-1);
    if (last === undefined || last.last + 1n < block.first) result.push(block);
    else if (block.last > last.last) result[result.length - 1] = { ...last, last: block.last };
  }
  return result;
}
