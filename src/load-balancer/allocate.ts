/**
 * Which addresses a Service of type LoadBalancer gets from the pools. Pure.
 *
 * One of each family that the Service has; those that it has stay, as long as they are free and of a
 * pool that it may use.
 */
import type { Service } from '#api/gen/core-v1.ts';
import { formatIp, type IpAddress, parseIp } from '#base/ip.ts';
import { keyOf } from '#client/informer.ts';
import { type Pool, poolOf } from './pools.ts';

/** The class of load balancers that the pools are; Services without a class are theirs too. */
const CLASS = 'coxswain.dev/address-pool';
/** The annotation that names the pool to use. */
const POOL_ANNOTATION = 'coxswain.dev/address-pool';

/** Why a Service has no address, for an event. */
export interface Problem {
  readonly reason: 'UnknownPool' | 'AddressNotInPool' | 'AddressTaken' | 'PoolExhausted';
  readonly message: string;
}

/** `addresses`: in the order of the families of the Service; all of them, or none. */
export type Allocation =
  | { readonly addresses: readonly string[]; readonly problem?: undefined }
  | { readonly addresses?: undefined; readonly problem: Problem };

/** Whether its addresses are from the pools. One that is being deleted has none any more. */
export function usesPools({ metadata, spec }: Service): boolean {
  if (metadata?.deletionTimestamp !== undefined || spec?.type !== 'LoadBalancer') return false;
  return (spec.loadBalancerClass ?? CLASS) === CLASS;
}

/** The addresses that the status of a Service says. */
export function ingressOf({ status }: Service): string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '' }) => {
    const address = parseIp(ip);
    return address === undefined ? [] : [formatIp(address)];
  });
}

/** `isTaken`: whether another Service has the address. */
export function allocate(
  service: Service,
  pools: readonly Pool[],
  isTaken: (address: string) => boolean,
): Allocation {
  const wanted = service.metadata?.annotations?.[POOL_ANNOTATION];
  const usable = wanted === undefined ? pools : pools.filter(({ name }) => name === wanted);
  if (usable.length === 0)
    return refused('UnknownPool', `there is no pool of addresses named ${JSON.stringify(wanted)}`);
  const { ipFamilies = ['IPv4'], ipFamilyPolicy } = service.spec ?? {};
  const addresses: string[] = [];
  for (const [at, name] of ipFamilies.entries()) {
    const family = name === 'IPv6' ? 6 : 4;
    const isOptional = at > 0 && ipFamilyPolicy === 'PreferDualStack';
    const found = addressOf(service, { family, usable, isTaken });
    if (typeof found === 'string') addresses.push(found);
    else if (!isOptional) return { problem: found };
  }
  return { addresses };
}

interface Search {
  readonly family: 4 | 6;
  readonly usable: readonly Pool[];
  readonly isTaken: (address: string) => boolean;
}

function addressOf(service: Service, { family, usable, isTaken }: Search): string | Problem {
  const asked = parseIp(service.spec?.loadBalancerIP ?? '');
  if (asked?.family === family) return askedAddress(asked, usable, isTaken);
  const kept = ingressOf(service).find((text) => {
    const address = parseIp(text);
    return address?.family === family && poolOf(usable, address) !== undefined && !isTaken(text);
  });
  if (kept !== undefined) return kept;
  for (const { ranges } of usable) {
    for (const range of ranges) {
      if (range.family !== family) continue;
      // It looks at one address more than are taken, at most.
      for (let value = range.first; value <= range.last; value++) {
        const text = formatIp({ family, value });
        if (!isTaken(text)) return text;
      }
    }
  }
  const names = usable.map(({ name }) => name).join(', ');
  return refused(
    'PoolExhausted',
    `no IPv${family} address is free in the pools of addresses: ${names}`,
  ).problem;
}

function askedAddress(
  asked: IpAddress,
  usable: readonly Pool[],
  isTaken: (address: string) => boolean,
): string | Problem {
  const text = formatIp(asked);
  if (poolOf(usable, asked) === undefined) {
    const names = usable.map(({ name }) => name).join(', ');
    return refused('AddressNotInPool', `the address ${text} is in none of the pools: ${names}`)
      .problem;
  }
  return isTaken(text)
    ? refused('AddressTaken', `the address ${text} belongs to another Service`).problem
    : text;
}

function refused(reason: Problem['reason'], message: string): { readonly problem: Problem } {
  return { problem: { reason, message } };
}

/** Who came first; of one moment the one whose key comes first. */
export function isOlder(one: Service, other: Service): boolean {
  const [a, b] = [one, other].map(
    (each) => `${each.metadata?.creationTimestamp ?? ''} ${keyOf(each)}`,
  );
  return (a ?? '') < (b ?? '');
}

/** The addresses of `services` that are of `pools`: which Services hold them. */
export function heldAddresses(
  services: readonly Service[],
  pools: readonly Pool[],
): Map<string, Service> {
  const held = new Map<string, Service>();
  for (const service of services) {
    if (!usesPools(service)) continue;
    for (const text of ingressOf(service)) {
      const address = parseIp(text);
      const before = held.get(text);
      const isOurs = address !== undefined && poolOf(pools, address) !== undefined;
      if (isOurs && (before === undefined || isOlder(service, before))) held.set(text, service);
    }
  }
  return held;
}
