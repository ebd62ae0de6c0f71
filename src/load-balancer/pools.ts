/**
 * Pools of addresses for Services of type LoadBalancer, as they are written and as they are counted.
 *
 *   192.0.2.0/28,192.0.2.32-192.0.2.40   the pool `default`
 *   public=198.51.100.0/29,2001:db8::/64 a pool by name
 */
import { formatIp, type IpAddress, parseCidr, parseIp } from '#base/ip.ts';

const DEFAULT_POOL = 'default';

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

export interface Pool {
  readonly name: string;
  /** In the order in which they are given out. */
  readonly ranges: readonly AddressRange[];
}

/** Text that says no pool; the message says what to write. */
export class PoolError extends Error {
  override readonly name = 'PoolError';
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** `texts`: a pool each. Throws PoolError: what is no pool, or overlaps another. */
export function parsePools(texts: readonly string[]): Pool[] {
  const pools = texts.map(parsePool);
  const names = new Set(pools.map(({ name }) => name));
  if (names.size < pools.length) throw new PoolError('Two pools of addresses have the same name');
  const all = pools.flatMap(({ ranges }) => ranges);
  for (const [at, range] of all.entries())
    for (const other of all.slice(at + 1))
      if (range.family === other.family && range.first <= other.last && other.first <= range.last)
        throw new PoolError(
          `Ranges of pools overlap: ${rangeText(range)} and ${rangeText(other)} have addresses in common`,
        );
  return pools;
}

function parsePool(text: string): Pool {
  const equals = text.indexOf('=');
  const name = equals < 0 ? DEFAULT_POOL : text.slice(0, equals).trim();
  if (!NAME.test(name))
    throw new PoolError(
      `${JSON.stringify(name)} is no name of a pool: use small letters, digits and "-", at most 63`,
    );
  const ranges = text
    .slice(equals + 1)
    .split(',')
    .map((part) => parseRange(part.trim()));
  return { name, ranges };
}

function parseRange(text: string): AddressRange {
  const cidr = parseCidr(text);
  if (cidr !== undefined)
    return { family: cidr.family, first: cidr.first, last: cidr.first + cidr.size - 1n };
  const [from = '', to = '', more] = text.split('-').map((part) => parseIp(part.trim()) ?? '');
  if (from !== '' && to !== '' && more === undefined && from.family === to.family) {
    if (from.value > to.value) throw new PoolError(`The range ${text} ends before it begins`);
    return { family: from.family, first: from.value, last: to.value };
  }
  throw new PoolError(
    `${JSON.stringify(text)} is no range of addresses: write a CIDR (192.0.2.0/28) or first and last (192.0.2.10-192.0.2.20)`,
  );
}

function rangeText({ family, first, last }: AddressRange): string {
  return `${formatIp({ family, value: first })}-${formatIp({ family, value: last })}`;
}

/** The pool that has this address; undefined: none has. */
export function poolOf(pools: readonly Pool[], address: IpAddress): Pool | undefined {
  const { family, value } = address;
  return pools.find(({ ranges }) =>
    ranges.some((range) => range.family === family && value >= range.first && value <= range.last),
  );
}

/** The CIDRs that hold the addresses of all pools, and no others. */
export function poolCidrs(pools: readonly Pool[]): string[] {
  return pools.flatMap(({ ranges }) => ranges.flatMap(cidrsOf));
}

function cidrsOf({ family, first, last }: AddressRange): string[] {
  const cidrs: string[] = [];
  const bits = family === 4 ? 32 : 128;
  let from = first;
  while (from <= last) {
    let free = 0;
    // The largest block that begins here and does not go beyond the end.
    while (
      free < bits &&
      from % (2n << BigInt(free)) === 0n &&
      from + (2n << BigInt(free)) - 1n <= last
    )
      free++;
    cidrs.push(`${formatIp({ family, value: from })}/${bits - free}`);
    from += 1n << BigInt(free);
  }
  return cidrs;
}
