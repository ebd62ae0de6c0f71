/** Address ranges and their equal parts, for IPv4 and IPv6 (RFC 4632, RFC 4291). Pure. */

export interface CidrRange {
  /** The first address as a number. */
  readonly base: bigint;
  readonly prefix: number;
  /** 32 or 128. */
  readonly bits: 32 | 128;
}

/** Reads `10.244.0.0/16` or `fd00::/48`; host bits are cleared. Throws on anything else. */
export function parseCidr(text: string): CidrRange {
  const [address = '', prefixText = ''] = text.split('/');
  const bits = address.includes(':') ? 128 : 32;
  const prefix = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : Number.NaN;
  const value = bits === 32 ? parseV4(address) : parseV6(address);
  if (value === undefined || !(prefix <= bits)) {
    throw new Error(
      `Cannot read range ${JSON.stringify(text)}: must be an address, a slash and a length`,
    );
  }
  const hostBits = BigInt(bits - prefix);
  return { base: (value >> hostBits) << hostBits, prefix, bits };
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (
    parts.length !== 4 ||
    !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  )
    return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = groups;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return all.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** How many ranges of `prefix` fit into `cidr`. */
export function subnetCount(cidr: CidrRange, prefix: number): bigint {
  return prefix < cidr.prefix ? 0n : 1n << BigInt(prefix - cidr.prefix);
}

/** The text of the `index`th range of `prefix` in `cidr`. */
export function subnetAt(cidr: CidrRange, prefix: number, index: bigint): string {
  const base = cidr.base + (index << BigInt(cidr.bits - prefix));
  return `${formatAddress(base, cidr.bits)}/${prefix}`;
}

/** Which ranges of `prefix` in `cidr` overlap with `other`; undefined when none does. */
export function subnetIndex(
  cidr: CidrRange,
  prefix: number,
  other: CidrRange,
): { readonly first: bigint; readonly last: bigint } | undefined {
  if (cidr.bits !== other.bits) return undefined;
  const end = (range: CidrRange): bigint =>
    range.base + (1n << BigInt(range.bits - range.prefix)) - 1n;
  const first = cidr.base > other.base ? cidr.base : other.base;
  const last = end(cidr) < end(other) ? end(cidr) : end(other);
  if (first > last) return undefined;
  const shift = BigInt(cidr.bits - prefix);
  return { first: (first - cidr.base) >> shift, last: (last - cidr.base) >> shift };
}

/** The address as text; IPv6 as RFC 5952 has it. */
export function formatAddress(value: bigint, bits: 32 | 128): string {
  if (bits === 32)
    return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  const text = groups.join(':');
  const runs = [...text.matchAll(/(?:^|(?<=:))0(?::0)+(?=:|$)/g)].sort(
    (a, b) => b[0].length - a[0].length,
  );
  const longest = runs[0];
  if (longest === undefined) return text;
  const before = text.slice(0, longest.index).replace(/:$/, '');
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}
