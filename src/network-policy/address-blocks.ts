/** `ipBlock`: ranges of addresses, without exceptions, no two of which overlap. Pure. */
import type { IPBlock } from '#api/gen/networking-v1.ts';
import { formatIp, parseCidr, parseIp } from '#base/ip.ts';

/** From the first to the last address. */
export interface AddressBlock {
  readonly first: bigint;
  readonly last: bigint;
}

const FAMILY = 4;

/** What is in one of `ipBlocks`: an exception of one takes nothing away from another. */
export function addressBlocksOf(ipBlocks: readonly IPBlock[]): AddressBlock[] {
  return joined(ipBlocks.flatMap(blocksOf));
}

export function addressBlockText({ first, last }: AddressBlock): string {
  const text = (value: bigint): string => formatIp({ family: FAMILY, value });
  return first === last ? text(first) : `${text(first)}-${text(last)}`;
}

export function blocksContain(blocks: readonly AddressBlock[], address: string): boolean {
  const ip = parseIp(address);
  return (
    ip?.family === FAMILY && blocks.some(({ first, last }) => ip.value >= first && ip.value <= last)
  );
}

function blocksOf({ cidr, except = [] }: IPBlock): AddressBlock[] {
  let blocks = blockOf(cidr);
  for (const hole of except.flatMap(blockOf)) blocks = blocks.flatMap((block) => cut(block, hole));
  return blocks;
}

/** None when it is of another family. */
function blockOf(cidr: string): AddressBlock[] {
  const range = parseCidr(cidr);
  if (range?.family !== FAMILY) return [];
  return [{ first: range.first, last: range.first + range.size - 1n }];
}

function cut(block: AddressBlock, hole: AddressBlock): AddressBlock[] {
  if (hole.last < block.first || hole.first > block.last) return [block];
  const sides = [
    { first: block.first, last: hole.first - 1n },
    { first: hole.last + 1n, last: block.last },
  ];
  return sides.filter(({ first, last }) => first <= last);
}

function joined(blocks: readonly AddressBlock[]): AddressBlock[] {
  const result: AddressBlock[] = [];
  for (const block of blocks.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const last = result.at(-1);
    if (last === undefined || last.last + 1n < block.first) result.push(block);
    else if (block.last > last.last)
      result[result.length - 1] = { first: last.first, last: block.last };
  }
  return result;
}
