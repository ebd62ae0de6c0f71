/**
 * Which way packets for the pods of other nodes go. Pure.
 *
 *   direct   the other node is a neighbour: it is the next hop of its own pod range
 *   vxlan    packets are wrapped (RFC 7348) and sent to the other node's address; each node's end of
 *            the tunnel has the first address of its pod range, and a hardware address made of that,
 *            so that nobody has to be told of it
 */
import type { Node } from '#api/gen/core-v1.ts';
import { formatIp, nthAddress, parseCidr } from '#base/ip.ts';

export type PodNetworkMode = 'direct' | 'vxlan';

/** The pod range of another node, and where that node is reached. Both IPv4. */
export interface PodRoute {
  readonly cidr: string;
  readonly nodeAddress: string;
}

/** To all nodes but `self` that have a range and an address, in the order of ranges. */
export function podRoutes(nodes: readonly Node[], self: string): PodRoute[] {
  const routes = nodes
    .filter(({ metadata }) => metadata?.name !== self)
    .flatMap((node) => {
      const address = internalAddress(node);
      return address === undefined
        ? []
        : ipv4Ranges(node).map((cidr) => ({ cidr, nodeAddress: address }));
    });
  return routes.toSorted((left, right) => (left.cidr < right.cidr ? -1 : 1));
}

function internalAddress({ status }: Node): string | undefined {
  return status?.addresses?.find(({ type, address }) => type === 'InternalIP' && isIpv4(address))
    ?.address;
}

function ipv4Ranges({ spec }: Node): string[] {
  return (spec?.podCIDRs ?? []).filter((cidr) => isIpv4(cidr) && parseCidr(cidr) !== undefined);
}

function isIpv4(text: string): boolean {
  return !text.includes(':');
}

/** The end of the tunnel at the node that has this pod range. */
export interface TunnelEnd {
  readonly address: string;
  readonly hardwareAddress: string;
}

/** `02`: made here, of one receiver (IEEE 802). */
const HARDWARE_PREFIX = '02:78';

/** Throws a TypeError where `podCidr` is no IPv4 range. */
export function tunnelEnd(podCidr: string): TunnelEnd {
  const range = parseCidr(podCidr);
  const first = range === undefined ? undefined : nthAddress(range, 0);
  if (first === undefined || first.family !== 4)
    throw new TypeError(`Cannot make a tunnel for ${podCidr}: it is no IPv4 range`);
  const address = formatIp(first);
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return { address, hardwareAddress: `${HARDWARE_PREFIX}:${bytes.join(':')}` };
}
