/**
 * IP addresses and ranges as text and as numbers.
 *
 * Source: RFC 4291 and RFC 5952 for IPv6 text; Go's net/netip for what is accepted. Zones are not
 * accepted: the API has no use for them.
 */

export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
  /** IPv4 with leading zeros in a part: some programs would read it as octal. */
  readonly leadingZeros: boolean;
}

export interface IpRange {
  readonly family: 4 | 6;
  /** The first address of the range. */
  readonly base: bigint;
  readonly prefix: number;
  /** What the text said before the slash, which may lie within the range. */
  readonly address: IpAddress;
  /** The text's own prefix length had leading zeros. */
  readonly leadingZeros: boolean;
}

const MAPPED_PREFIX = 0xffffn << 32n;
const IPV4_BITS = 32;
const IPV6_BITS = 128;
const GROUPS = 8;

function parseIpv4(text: string): { value: bigint; leadingZeros: boolean } | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d+$/.test(part) && Number(part) < 256))
    return undefined;
  const value = parts.reduce((sum, part) => sum * 256n + BigInt(Number(part)), 0n);
  return { value, leadingZeros: parts.some((part) => part.length > 1 && part.startsWith('0')) };
}

/** The 16-bit groups of one side of `::`; a dotted IPv4 at the end counts as two. */
function parseGroups(text: string): { groups: bigint[]; leadingZeros: boolean } | undefined {
  if (text === '') return { groups: [], leadingZeros: false };
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const embedded = last.includes('.') ? parseIpv4(last) : undefined;
  if (last.includes('.')) {
    if (embedded === undefined) return undefined;
    parts.pop();
  }
  if (!parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  const groups = parts.map((part) => BigInt(`0x${part}`));
  if (embedded !== undefined) groups.push(embedded.value >> 16n, embedded.value & 0xffffn);
  return { groups, leadingZeros: embedded?.leadingZeros === true };
}

function parseIpv6(text: string): { value: bigint; leadingZeros: boolean } | undefined {
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const [head, tail] = sides.map(parseGroups);
  if (head === undefined || (sides.length === 2 && tail === undefined)) return undefined;
  const end = tail?.groups ?? [];
  const missing = GROUPS - head.groups.length - end.length;
  if (sides.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head.groups, ...Array<bigint>(missing).fill(0n), ...end];
  const value = groups.reduce((sum, group) => (sum << 16n) | group, 0n);
  return { value, leadingZeros: head.leadingZeros || tail?.leadingZeros === true };
}

/** Undefined when `text` is no address. */
export function parseIp(text: string): IpAddress | undefined {
  const family = text.includes(':') ? 6 : 4;
  const parsed = family === 6 ? parseIpv6(text) : parseIpv4(text);
  return parsed === undefined ? undefined : { family, ...parsed };
}

/** An IPv4 address written as an IPv6 one: `::ffff:10.0.0.1`. */
export function isMapped({ family, value }: IpAddress): boolean {
  return family === 6 && value >> 32n === MAPPED_PREFIX >> 32n;
}

/** Canonical text (RFC 5952). */
export function formatIp({ family, value }: Pick<IpAddress, 'family' | 'value'>): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: GROUPS }, (_, i) =>
    Number((value >> BigInt(16 * (7 - i))) & 0xffffn),
  );
  const { start, length } = longestZeros(groups);
  const text = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [i, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: i - length + 1, length };
  }
  return best;
}

/** `10.0.0.0/8`. Undefined when `text` is no range. */
export function parseCidr(text: string): IpRange | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = parseIp(match?.[1] ?? '');
  if (address === undefined) return undefined;
  const digits = match?.[2] ?? '';
  const prefix = Number(digits);
  const bits = address.family === 4 ? IPV4_BITS : IPV6_BITS;
  if (prefix > bits) return undefined;
  const host = BigInt(bits - prefix);
  return {
    family: address.family,
    base: (address.value >> host) << host,
    prefix,
    address,
    leadingZeros: digits.length > 1 && digits.startsWith('0'),
  };
}

export function formatCidr({
  family,
  base,
  prefix,
}: Pick<IpRange, 'family' | 'base' | 'prefix'>): string {
  return `${formatIp({ family, value: base })}/${prefix}`;
}

/** How many addresses are in a range. */
export function sizeOfRange({ family, prefix }: Pick<IpRange, 'family' | 'prefix'>): bigint {
  return 1n << BigInt((family === 4 ? IPV4_BITS : IPV6_BITS) - prefix);
}

export function rangeContains(
  range: Pick<IpRange, 'family' | 'base' | 'prefix'>,
  address: IpAddress,
): boolean {
  const host = BigInt((range.family === 4 ? IPV4_BITS : IPV6_BITS) - range.prefix);
  return address.family === range.family && address.value >> host === range.base >> host;
}
