/**
 * IP addresses and ranges as old fields of the API have them: leading zeros in the parts of an IPv4
 * address are read, and told of, so that validation can say what is wrong with them.
 *
 * Source: upstream k8s.io/utils/net (ParseIPSloppy, ParseCIDRSloppy).
 */
import * as strict from '#base/ip.ts';

export { formatCidr, formatIp, rangeContains } from '#base/ip.ts';

export interface IpAddress extends strict.IpAddress {
  /** Some programs would read such parts as octal. */
  readonly leadingZeros: boolean;
}

export interface IpRange extends strict.IpRange {
  /** What the text said before the slash, which may lie within the range. */
  readonly address: IpAddress;
  /** In the address or in the length of the prefix. */
  readonly leadingZeros: boolean;
}

const LEADING_ZEROS = /(^|[.:])0+(?=\d{1,3}(\.|$))/g;
const MAPPED_PREFIX = 0xffffn;

/** Undefined when `text` is no address. */
export function parseIp(text: string): IpAddress | undefined {
  const plain = text.includes('.') ? text.replace(LEADING_ZEROS, '$1') : text;
  const address = strict.parseIp(plain);
  return address === undefined ? undefined : { ...address, leadingZeros: plain !== text };
}

/** An IPv4 address written as an IPv6 one: `::ffff:10.0.0.1`. */
export function isMapped({ family, value }: strict.IpAddress): boolean {
  return family === 6 && value >> 32n === MAPPED_PREFIX;
}

/** `10.0.0.0/8`. Undefined when `text` is no range. */
export function parseCidr(text: string): IpRange | undefined {
  const slash = text.indexOf('/');
  const digits = text.slice(slash + 1);
  const address = parseIp(text.slice(0, Math.max(slash, 0)));
  if (address === undefined) return undefined;
  const range = strict.parseCidr(`${strict.formatIp(address)}/${digits}`);
  if (range === undefined) return undefined;
  const leadingZeros = address.leadingZeros || /^0\d/.test(digits);
  return { ...range, address, leadingZeros };
}
