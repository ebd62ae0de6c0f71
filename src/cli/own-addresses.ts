/**
 * The addresses that this machine has, and which of them others may know it by. Pure, but for what
 * the interfaces are unless they are given.
 */
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { parseIp } from '#base/ip.ts';
import { type Pool, poolOf } from '#load-balancer/pools.ts';
import { type Family, familyOf } from './cluster-ranges.ts';

/** As Node.js tells of them: addresses by the names of interfaces. */
export type Interfaces = Readonly<
  Record<string, readonly Pick<NetworkInterfaceInfo, 'address' | 'internal'>[] | undefined>
>;

/** Of networks of containers, ours and others': how their names begin. */
const CONTAINER_INTERFACES = ['cox', 'docker', 'veth'];

export interface OwnAddress {
  /** Name of the interface. */
  readonly device: string;
  readonly address: string;
}

/**
 * Those that are neither loopback nor link-local, which mean nothing to others, nor of a load
 * balancer, whose addresses a node that was killed may have left behind.
 */
export function reachableAddresses(
  pools: readonly Pool[],
  interfaces: Interfaces = networkInterfaces(),
): OwnAddress[] {
  return Object.entries(interfaces).flatMap(([device, addresses = []]) =>
    addresses
      .filter(({ internal, address }) => !internal && !isLinkLocal(address))
      .filter(({ address }) => !isOfPool(address, pools))
      .map(({ address }) => ({ device, address })),
  );
}

/** Whether the interface is of no network of containers. */
export function isOuter({ device }: OwnAddress): boolean {
  return !CONTAINER_INTERFACES.some((name) => device.startsWith(name));
}

/** The first of a family. */
export function hostAddress(wanted: Family, pools: readonly Pool[]): string | undefined {
  return reachableAddresses(pools)
    .filter(isOuter)
    .find(({ address }) => familyOf(address) === wanted)?.address;
}

/** The addresses that other machines may know this one by. */
export function machineAddresses(): string[] {
  return reachableAddresses([])
    .filter(isOuter)
    .map(({ address }) => address);
}

function isOfPool(text: string, pools: readonly Pool[]): boolean {
  const address = parseIp(text);
  return address !== undefined && poolOf(pools, address) !== undefined;
}

function isLinkLocal(address: string): boolean {
  return address.toLowerCase().startsWith('fe80:');
}
