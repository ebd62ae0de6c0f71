/**
 * Addresses of load balancers on an interface, as commands of iproute2. Pure.
 *
 * The kernel answers ARP (RFC 826) and neighbour solicitations (RFC 4861) for what is there. An
 * address of a pool is nobody's but ours, and is known again by that. It lasts for a minute and is
 * renewed before: a node whose process has gone does not go on to answer beside the next one.
 *
 * Source: ip-address(8); Documentation/networking/ip-sysctl (arp_notify, ndisc_notify).
 */
import { parseIp } from '#base/ip.ts';
import { type Pool, poolOf } from './pools.ts';

/** How long the kernel keeps an address that is not renewed. */
const LIFETIME_SECONDS = 60;
export const RENEW_MS = 15_000;

/** What brings the interface from `there` to `wanted`; all of `wanted` is renewed. */
export function addressCommands(
  device: string,
  there: readonly string[],
  wanted: readonly string[],
): string {
  const gone = there.filter((address) => !wanted.includes(address));
  return [
    ...gone.map((address) => `address delete ${hostOf(address)} dev ${device}\n`),
    ...wanted.map((address) => {
      // Never the source of what the node says itself: deprecated from the beginning. It is known to
      // be free, and must not wait to be found so.
      const noWait = address.includes(':') ? ' nodad' : '';
      return `address replace ${hostOf(address)} dev ${device} noprefixroute${noWait} valid_lft ${LIFETIME_SECONDS} preferred_lft 0\n`;
    }),
  ].join('');
}

function hostOf(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

/** `ip -json address show dev …`: the hardware address, and the addresses of pools. */
export function interfaceOf(
  json: string,
  pools: readonly Pool[],
): { readonly hardwareAddress: string; readonly addresses: readonly string[] } {
  const [shown] = JSON.parse(json === '' ? '[]' : json) as {
    address?: string;
    addr_info?: { local?: string; prefixlen?: number }[];
  }[];
  const addresses = (shown?.addr_info ?? []).flatMap(({ local = '', prefixlen }) => {
    const address = parseIp(local);
    const isWhole = prefixlen === (address?.family === 6 ? 128 : 32);
    return address !== undefined && isWhole && poolOf(pools, address) !== undefined ? [local] : [];
  });
  return { hardwareAddress: shown?.address ?? '', addresses };
}

/** Sysctls by which the kernel tells neighbours of all addresses of an interface when asked to. */
export function notifySysctls(device: string): string[] {
  // With slashes: a dot may be part of the name of an interface.
  return [`net/ipv4/conf/${device}/arp_notify=1`, `net/ipv6/conf/${device}/ndisc_notify=1`];
}

/**
 * Makes the kernel send gratuitous ARP and unsolicited neighbour advertisements for all addresses of
 * the interface: it does so when the hardware address is set, also to what it is.
 */
export function notifyArguments(device: string, hardwareAddress: string): string[] {
  return ['link', 'set', 'dev', device, 'address', hardwareAddress];
}
