/**
 * Which addresses a proxy may speak to. Addresses come from the status of pods and nodes, which
 * kubelets write: a stolen kubelet must not turn the API server into its client of anything else.
 *
 * Refused: what is no global unicast address (as upstream, pkg/registry/core/{pod,node}/strategy.go:
 * unspecified, loopback, link-local, multicast, broadcast), metadata services of clouds, Service
 * addresses, and at this server's own address whatever the object does not declare.
 */
import { type IpAddress, type IpRange, parseCidr, parseIp, rangeContains } from '#base/ip.ts';

/** Not global unicast: Go's net.IP.IsGlobalUnicast, and all of 0.0.0.0/8, which Linux takes for itself. */
const NOT_UNICAST = rangesOf([
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/127',
  'fe80::/10',
  'ff00::/8',
]);

/** Metadata services of clouds that are at no link-local address. */
const METADATA = rangesOf([
  'fd00:ec2::254/128',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
]);

/** IPv4 addresses in IPv6 clothes: mapped (RFC 4291) and NAT64 (RFC 6052). */
const CLOTHED = rangesOf(['::ffff:0:0/96', '64:ff9b::/96']);
const V4_MASK = 0xffff_ffffn;

function rangesOf(texts: readonly string[]): IpRange[] {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}

/** Of either family, without IPv6 clothes; undefined for what is no address. */
export function plainAddress(text: string): IpAddress | undefined {
  const address = parseIp(text);
  if (address === undefined) return undefined;
  const clothed = CLOTHED.some((range) => rangeContains(range, address));
  return clothed ? { family: 4, value: address.value & V4_MASK } : address;
}

export interface GuardOptions {
  readonly advertise: { readonly address: string; readonly port: number };
  /** A CIDR, or one of each family joined by a comma. */
  readonly serviceClusterIpRange: string;
}

export class AddressGuard {
  readonly #own: IpAddress | undefined;
  readonly #ownPort: number;
  readonly #refused: readonly IpRange[];

  constructor({ advertise, serviceClusterIpRange }: GuardOptions) {
    this.#own = plainAddress(advertise.address);
    this.#ownPort = advertise.port;
    const services = rangesOf(serviceClusterIpRange.split(',').map((cidr) => cidr.trim()));
    this.#refused = [...NOT_UNICAST, ...METADATA, ...services];
  }

  /**
   * Whether a proxy may speak to `port` of `address`. `declared`: ports that the object itself says
   * it listens on, the only ones that may be reached at this server's own address.
   */
  allows(address: string, port: number, declared: readonly number[]): boolean {
    const plain = plainAddress(address);
    if (plain === undefined || this.#refused.some((range) => rangeContains(range, plain)))
      return false;
    const isOwn = plain.family === this.#own?.family && plain.value === this.#own.value;
    return !isOwn || (port !== this.#ownPort && declared.includes(port));
  }
}
