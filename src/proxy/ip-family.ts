/**
 * The two families of IP: each has a table of its own, and is named differently by nft, by conntrack
 * and by EndpointSlices.
 */
import { formatIp, parseIp } from '#api/meta/ip.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';

/** As nft names the family of a table, and addresses in rules. */
export type IpFamily = 'ip' | 'ip6';

export const IP_FAMILIES: readonly IpFamily[] = ['ip', 'ip6'];

interface FamilyNames {
  /** nft's type of an address. */
  readonly addressType: string;
  readonly slices: EndpointSlice['addressType'];
  /** conntrack's `-f`. */
  readonly conntrack: string;
  /** Of addresses that never leave a machine. */
  readonly loopback: string;
}

export const NAMES: Readonly<Record<IpFamily, FamilyNames>> = {
  ip: {
    addressType: 'ipv4_addr',
    slices: 'IPv4',
    conntrack: 'ipv4',
    loopback: '127.0.0.0/8',
  },
  ip6: { addressType: 'ipv6_addr', slices: 'IPv6', conntrack: 'ipv6', loopback: '::1/128' },
};

/** Of the first address that `text`, an address or a range, has; undefined: it is neither. */
export function familyOf(text: string): IpFamily | undefined {
  const [base = ''] = text.split('/');
  const address = parseIp(base.trim());
  if (address === undefined) return undefined;
  return address.family === 4 ? 'ip' : 'ip6';
}

/** Those of this family, as nft writes them; what is no address is left out. */
export function addressesOf(texts: readonly string[], family: IpFamily): string[] {
  return texts.flatMap((text) => {
    const address = parseIp(text);
    return address === undefined || familyOf(text) !== family ? [] : [formatIp(address)];
  });
}
