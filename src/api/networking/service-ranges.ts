/**
 * Ranges of Service addresses (ServiceCIDR) and who holds an address (IPAddress): what the API
 * server's allocators and the controller of the ranges agree on.
 *
 * Source: KEP-1880; upstream pkg/api/servicecidr, pkg/registry/core/service/ipallocator.
 */
import { formatIp, type IpAddress, type IpRange, parseCidr, parseIp } from '#base/ip.ts';
import type { IPAddress, ServiceCIDR } from '../gen/networking-v1.ts';

const FAMILY_LABEL = 'ipaddress.kubernetes.io/ip-family';
const MANAGED_BY_LABEL = 'ipaddress.kubernetes.io/managed-by';
const ALLOCATOR = 'ipallocator.k8s.io';

export const READY = 'Ready';

/** The ranges in `spec.cidrs` that can be read. */
export function rangesOf({ spec }: ServiceCIDR): IpRange[] {
  return (spec?.cidrs ?? []).flatMap((cidr) => parseCidr(cidr) ?? []);
}

/** New addresses may come from it: nobody says that it is not ready, and it is not being deleted. */
export function givesAddresses({ metadata, status }: ServiceCIDR): boolean {
  if (metadata?.deletionTimestamp !== undefined) return false;
  const ready = (status?.conditions ?? []).find(({ type }) => type === READY);
  return ready === undefined || ready.status === 'True';
}

/** The first and the last address that Services may have: not the network's own, no broadcast. */
export function usableAddresses({ family, first, size }: IpRange): { first: bigint; last: bigint } {
  return { first: first + 1n, last: first + size - (family === 4 ? 2n : 1n) };
}

function holdsAddress(range: IpRange, { family, value }: IpAddress): boolean {
  const { first, last } = usableAddresses(range);
  return family === range.family && value >= first && value <= last;
}

/** Every address of `range` lies in `larger`. */
export function isSubrange(range: IpRange, larger: IpRange): boolean {
  return (
    range.family === larger.family &&
    range.first >= larger.first &&
    range.first + range.size <= larger.first + larger.size
  );
}

/** The ranges among `all` that hold `address`. */
export function rangesHolding<T extends ServiceCIDR>(all: Iterable<T>, address: IpAddress): T[] {
  return [...all].filter((one) => rangesOf(one).some((range) => holdsAddress(range, address)));
}

export function familyLabel(family: 4 | 6): 'IPv4' | 'IPv6' {
  return family === 6 ? 'IPv6' : 'IPv4';
}

/** The object that says that a Service has `address`. */
export function ipAddressFor(
  address: IpAddress,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): IPAddress {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: {
      name: formatIp(address),
      labels: { [FAMILY_LABEL]: familyLabel(address.family), [MANAGED_BY_LABEL]: ALLOCATOR },
    },
    spec: { parentRef: { group: '', resource: 'services', namespace, name } },
  };
}

/** It was made by an API server for a Service. */
export function isManagedAddress({ metadata }: IPAddress): boolean {
  return metadata?.labels?.[MANAGED_BY_LABEL] === ALLOCATOR;
}

/** Its labels are those of `ipAddressFor`. */
export function hasAddressLabels(object: IPAddress): boolean {
  const address = parseIp(object.metadata?.name ?? '');
  const family = object.metadata?.labels?.[FAMILY_LABEL];
  return (
    isManagedAddress(object) && address !== undefined && family === familyLabel(address.family)
  );
}

/** It is for a Service: for which one. */
export function serviceOf({ spec }: IPAddress): { namespace: string; name: string } | undefined {
  const { group = '', resource, namespace = '', name = '' } = spec?.parentRef ?? {};
  return group === '' && resource === 'services' ? { namespace, name } : undefined;
}
