/**
 * IP addresses and ranges: read, written and counted. No names, no sockets.
 *
 * Source: RFC 4291 and RFC 5952 for the text of IPv6, RFC 4632 for CIDR. Strict as Go's netip: a
 * leading zero in an IPv4 part is an error.
 */

export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A block of addresses; `first` is the network's own address. */
export interface IpRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly prefix: number;
  /** How many addresses it holds. */
  readonly size: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;
const V4_PART = /^(0|[1-9]\d{0,2})$/;
const V6_PART = /^[0-9a-fA-F]{1,4}$/;
const V6_PARTS = 8;

/** Undefined when `text` is no address. Zones (`fe80::1%eth0`) are none. */
export function parseIp(text: string): IpAddress | undefined {
  const family = text.includes(':') ? 6 : 4;
  const value = family === 4 ? parseV4(text) : parseV6(text);
  return value === undefined ? undefined : { family, value };
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!V4_PART.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return BigInt(value);
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? '');
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? '') : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = V6_PARTS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<bigint>(missing).fill(0n), ...tail];
  return groups.reduce((value, group) => value * 65536n + group, 0n);
}

/** The 16-bit groups of one side of `::`; the last may be an IPv4 address. */
function groupsOf(text: string): bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const v4 = index === parts.length - 1 ? parseV4(part) : undefined;
      if (v4 === undefined) return undefined;
      groups.push(v4 / 65536n, v4 % 65536n);
    } else {
      if (!V6_PART.test(part)) return undefined;
      groups.push(BigInt(`0x${part}`));
    }
  }
  return groups;
}

/** The canonical text. */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 4) {
    const bits = Number(value);
    return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
  }
  const groups = Array.from({ length: V6_PARTS }, (_, i) =>
    Number((value >> BigInt(16 * (V6_PARTS - 1 - i))) & 65535n),
  );
  // IPv4-mapped addresses keep their dots.
  if (value >> 32n === 0xffffn)
    return `::ffff:${formatIp({ family: 4, value: value & 0xffffffffn })}`;
  const zeros = longestZeros(groups);
  const text = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(':');
  if (zeros === undefined) return text(groups);
  return `${text(groups.slice(0, zeros.at))}::${text(groups.slice(zeros.at + zeros.length))}`;
}

/** The first of the longest runs of two or more zeros. */
function longestZeros(groups: readonly number[]): { at: number; length: number } | undefined {
  let best: { at: number; length: number } | undefined;
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length >= 2 && length > (best?.length ?? 0)) best = { at, length };
    at += length;
  }
  return best;
}

/** `10.96.0.0/16`; bits behind the prefix are cleared. Undefined when `text` is no CIDR. */
export function parseCidr(text: string): IpRange | undefined {
  const [base = '', prefixText = '', more] = text.split('/');
  const address = parseIp(base);
  const prefix = Number(prefixText);
  if (address === undefined || more !== undefined || !/^\d{1,3}$/.test(prefixText))
    return undefined;
  const bits = BITS[address.family];
  if (prefix > bits) return undefined;
  const size = 1n << BigInt(bits - prefix);
  return { family: address.family, first: address.value - (address.value % size), prefix, size };
}

export function formatCidr({ family, first, prefix }: IpRange): string {
  return `${formatIp({ family, value: first })}/${prefix}`;
}

export function rangeContains(range: IpRange, { family, value }: IpAddress): boolean {
  return family === range.family && value >= range.first && value < range.first + range.size;
}

/** Whether two ranges have addresses in common. */
export function rangesOverlap(left: IpRange, right: IpRange): boolean {
  return (
    left.family === right.family &&
    left.first < right.first + right.size &&
    right.first < left.first + left.size
  );
}

/** The address `offset` behind the network's own; undefined beyond the range. */
export function nthAddress(range: IpRange, offset: bigint | number): IpAddress | undefined {
  const at = BigInt(offset);
  return at < 0n || at >= range.size
    ? undefined
    : { family: range.family, value: range.first + at };
}

/** Whether two texts are the same address. */
export function sameIp(left: string, right: string): boolean {
  const a = parseIp(left);
  const b = parseIp(right);
  return a !== undefined && b !== undefined && a.family === b.family && a.value === b.value;
}
