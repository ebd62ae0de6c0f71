/**
 * Which way packets for the pods of other nodes go. Pure.
 *
 *   direct   the other node is a neighbour: it is the next hop of its own pod range
 *   vxlan    packets are wrapped (RFC 7348) and sent to the other node's IPv4 address; each node's end
 *            of the tunnel has the first address of its pod ranges, and a hardware address made of that
 *            of IPv4, so that nobody has to be told of it
 *
 * Packets of IPv6 go where the other node has a range and an address of it, in mode `vxlan` through
 * the same tunnel.
 */
import type { Node } from '#api/gen/core-v1.ts';
import { formatIp, nthAddress, parseCidr } from '#base/ip.ts';

export type PodNetworkMode = 'direct' | 'vxlan';

/** A pod range of another node, and where that node is reached; both of one family. */
export interface PodRoute {
  readonly cidr: string;
  readonly nodeAddress: string;
  /** Of the node's end of a tunnel; undefined: it has no IPv4 range, or the kernel does not say. */
  readonly hardwareAddress?: string;
}

/** To all nodes but `self` that have a range and an address, in the order of ranges. */
export function podRoutes(nodes: readonly Node[], self: string): PodRoute[] {
  const routes = nodes
    .filter(({ metadata }) => metadata?.name !== self)
    .flatMap((node) => {
      const ranges = rangesOf(node);
      const main = ranges.find(isIpv4);
      const end = main === undefined ? {} : { hardwareAddress: hardwareAddress(main) };
      return ranges.flatMap((cidr) => {
        const nodeAddress = internalAddress(node, isIpv4(cidr));
        return nodeAddress === undefined ? [] : [{ cidr, nodeAddress, ...end }];
      });
    });
  return routes.toSorted((left, right) => (left.cidr < right.cidr ? -1 : 1));
}

function internalAddress({ status }: Node, isOfIpv4: boolean): string | undefined {
  return status?.addresses?.find(
    ({ type, address }) => type === 'InternalIP' && isIpv4(address) === isOfIpv4,
  )?.address;
}

/** Of a node's pods. */
export function rangesOf({ spec }: Node): string[] {
  return (spec?.podCIDRs ?? []).filter((cidr) => parseCidr(cidr) !== undefined);
}

/** Of an address or a range. */
export function isIpv4(text: string): boolean {
  return !text.includes(':');
}

/** `02`: made here, of one receiver (IEEE 802). */
const HARDWARE_PREFIX = '02:78';

/**
 * The address of the end of the tunnel at the node that has this pod range. Throws a TypeError where
 * that is no range.
 */
export function tunnelAddress(podCidr: string): string {
  const range = parseCidr(podCidr);
  const first = range === undefined ? undefined : nthAddress(range, 0);
  if (first === undefined)
    throw new TypeError(`Cannot make a tunnel for ${podCidr}: it is no range`);
  return formatIp(first);
}

/** Of the same end, by its IPv4 range. Throws a TypeError where it is none. */
export function hardwareAddress(podCidr: string): string {
  if (!isIpv4(podCidr))
    throw new TypeError(`Cannot make a tunnel for ${podCidr}: it is no IPv4 range`);
  const parts = tunnelAddress(podCidr).split('.');
  const bytes = parts.map((part) => Number(part).toString(16).padStart(2, '0'));
  return `${HARDWARE_PREFIX}:${bytes.join(':')}`;
}
