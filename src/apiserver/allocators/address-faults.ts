/**
 * Finds Services without their IPAddress and IPAddresses without their Service: a Service of an
 * older store, a server that died between the two writes, somebody's hand.
 *
 *   Service ⟷ IPAddress that refers to it    right
 *   Service → nothing, or a foreign object    made (anew)
 *   two Services → one IPAddress              told: a person must choose
 *   nothing ← IPAddress                       deleted, when no write can be under way any more
 *
 * Source: upstream pkg/registry/core/service/ipallocator/controller/repairip.go.
 */
import type { Service } from '#api/gen/core-v1.ts';
import type { IPAddress, ServiceCIDR } from '#api/gen/networking-v1.ts';
import {
  familyLabel,
  hasAddressLabels,
  ipAddressFor,
  isManagedAddress,
  rangesHolding,
  serviceOf,
} from '#api/networking/service-ranges.ts';
import { formatIp, type IpAddress, parseIp } from '#base/ip.ts';
import type { Finding } from '../bootstrap/report.ts';
import { addressesOf } from './ip-families.ts';

const REPORTER = 'ipallocator-repair-controller';
/** A request that made an IPAddress and not yet its Service is over after this. */
const REQUEST_MS = 60_000;
/** A write that is taken back has deleted its IPAddress after this. */
const REVERT_MS = 5_000;

/** What there is, as the caches show it. */
export interface ServiceWorld {
  readonly nowMs: number;
  readonly ranges: readonly ServiceCIDR[];
  service(namespace: string, name: string): Service | undefined;
  address(name: string): IPAddress | undefined;
}

export interface AddressFault {
  readonly finding?: Finding;
  /** Deleted first. */
  readonly remove?: IPAddress;
  readonly create?: IPAddress;
}

export function faultsOfService(service: Service, world: ServiceWorld): AddressFault[] {
  return addressesOf(service.spec).flatMap((text) => {
    const address = parseIp(text);
    if (address !== undefined) return faultOf(service, address, world) ?? [];
    const message = `Cluster IP ${text} is not a valid IP; please recreate Service`;
    return { finding: warning(service, 'ClusterIPNotValid', message, 'ClusterIPValidation') };
  });
}

function warning(
  about: Service | IPAddress,
  reason: string,
  message: string,
  action = 'ClusterIPAllocation',
): Finding {
  return { about, reporter: REPORTER, reason, action, message };
}

function faultOf(
  service: Service,
  address: IpAddress,
  world: ServiceWorld,
): AddressFault | undefined {
  const { namespace = '', name = '' } = service.metadata ?? {};
  const ip = formatIp(address);
  const family = familyLabel(address.family);
  if (rangesHolding(world.ranges, address).length === 0) {
    const message = `Cluster IP [${family}]: ${ip} is not within any configured Service CIDR; please recreate service`;
    return { finding: warning(service, 'ClusterIPOutOfRange', message) };
  }
  const create = ipAddressFor(address, { namespace, name });
  const existing = world.address(ip);
  if (existing === undefined) {
    const message = `Cluster IP [${family}]: ${ip} is not allocated; repairing`;
    return { finding: warning(service, 'ClusterIPNotAllocated', message), create };
  }
  const owner = serviceOf(existing);
  const isOwn = owner?.namespace === namespace && owner.name === name;
  const other = owner === undefined ? undefined : world.service(owner.namespace, owner.name);
  if (!isOwn && other === undefined) {
    const message = `the ClusterIP [${family}]: ${ip} for Service ${namespace}/${name} has a wrong reference; repairing`;
    return {
      finding: warning(service, 'ClusterIPNotAllocated', message),
      remove: existing,
      create,
    };
  }
  if (!isOwn) {
    if (other?.spec?.clusterIPs?.includes(ip) !== true) return undefined;
    const message = `Cluster IP [${family}]:${ip} was assigned to multiple services; please recreate service`;
    return { finding: warning(service, 'ClusterIPAlreadyAllocated', message) };
  }
  return hasAddressLabels(existing) ? undefined : { remove: existing, create };
}

/** `later`: it may still be right, look again. */
export function faultOfAddress(
  address: IPAddress,
  world: ServiceWorld,
): AddressFault | 'later' | undefined {
  if (!isManagedAddress(address)) return undefined;
  const { name = '' } = address.metadata ?? {};
  const owner = serviceOf(address);
  const cleanUp = (reason: string, message: string): AddressFault => ({
    finding: warning(address, reason, message, 'IPAddressAllocation'),
    remove: address,
  });
  if (owner === undefined) {
    const message = `IPAddress ${name} appears to have been modified, not referencing a Service: cleaning up`;
    return cleanUp('IPAddressNotAllocated', message);
  }
  const who = `IPAddress: ${name} for Service ${owner.namespace}/${owner.name}`;
  const ageMs = world.nowMs - Date.parse(address.metadata?.creationTimestamp ?? '');
  const service = world.service(owner.namespace, owner.name);
  if (service === undefined) {
    if (ageMs <= REQUEST_MS) return 'later';
    return cleanUp('IPAddressNotAllocated', `${who} appears to have leaked: cleaning up`);
  }
  if (service.spec?.clusterIPs?.includes(name) === true) return undefined;
  // It is becoming one with an address.
  if (service.spec?.type === 'ExternalName' && ageMs < REQUEST_MS) return 'later';
  const isNewer =
    Date.parse(address.metadata?.creationTimestamp ?? '') >
    Date.parse(service.metadata?.creationTimestamp ?? '');
  if (isNewer && ageMs < REVERT_MS) return 'later';
  return cleanUp('IPAddressWrongReference', `${who} has a wrong reference; cleaning up`);
}
