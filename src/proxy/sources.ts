/**
 * Who may reach a load balancer's address: `loadBalancerSourceRanges`. What comes from elsewhere is
 * dropped, so that it looks as if a firewall had kept it.
 *
 * The place has a verdict that goes to a chain, and the chain is of the list of ranges: Services
 * with the same list share it. The element of `SOURCE_LISTS` says what the list is; it is for the
 * writer of the chain alone, and the kernel has no such map.
 *
 * Upstream: the firewall chains of pkg/proxy/nftables/proxier.go, v1.36.
 */
import { createHash } from 'node:crypto';
import { formatCidr, type IpRange, parseCidr, rangeContains } from '#api/meta/ip.ts';
import type { Element } from '#base/nftables/elements.ts';
import { familyOf, type IpFamily } from './ip-family.ts';

export const SOURCE_LISTS = 'source_lists';
/** Of a digest in hex: lists are few, and the names of chains short. */
const DIGEST_LENGTH = 16;

/** What keeps all but the `ranges` from `key`; nothing where everybody may come. */
export function guardElements(key: string, ranges: readonly string[], family: IpFamily): Element[] {
  const ours = ranges.map((text) => text.trim()).filter((text) => familyOf(text) === family);
  const list = widest(ours.flatMap((text) => parseCidr(text) ?? []));
  if (list.length === 0 || list.some(({ prefix }) => prefix === 0)) return [];
  const value = list.map(formatCidr).sort().join(', ');
  const digest = createHash('sha256').update(value).digest('hex').slice(0, DIGEST_LENGTH);
  return [
    { map: 'guarded_services', key, value: `goto ${chainOf(digest)}` },
    { map: SOURCE_LISTS, key: digest, value },
  ];
}

/** Each once and none within another: nft refuses a set whose ranges overlap. */
function widest(ranges: readonly IpRange[]): IpRange[] {
  const kept: IpRange[] = [];
  for (const range of ranges.toSorted((one, other) => one.prefix - other.prefix)) {
    const first = { family: range.family, value: range.first };
    if (!kept.some((wider) => rangeContains(wider, first))) kept.push(range);
  }
  return kept;
}

function chainOf(digest: string): string {
  return `sources-${digest}`;
}

/** The digest of the list whose chain has this name; undefined: it is another chain. */
export function digestOf(chain: string): string | undefined {
  return /^sources-([0-9a-f]+)$/.exec(chain)?.[1];
}

/** The rules of the chain of a list, as its element has it. */
export function sourceRules(list: string, family: IpFamily): string[] {
  return [`${family} saddr { ${list} } return`, 'drop'];
}
