/**
 * The Endpoints of the Service `kubernetes`, and the EndpointSlice made of them.
 *
 * Source: upstream pkg/controlplane/reconcilers (lease.go, endpointsadapter.go).
 */
import type { EndpointPort, Endpoints, EndpointSubset } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { parseIp } from '#base/ip.ts';
import { ENDPOINT_SLICES, ENDPOINTS } from '../admission/targets.ts';
import type { Wanted } from './ensure.ts';
import { OWN, PORT_NAME } from './system-objects.ts';

const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror';
const SERVICE_NAME = 'kubernetes.io/service-name';

export interface PublishedServers {
  /** Of all live servers; empty when the last one ends. */
  readonly addresses: readonly string[];
  /** Of this server. */
  readonly port: number;
  /** Servers with different ports must not correct each other for ever: only at the start. */
  readonly fixesPorts: boolean;
}

/** `onSubsets` is told what the Endpoints hold, or will hold. */
export function wantedEndpoints(
  servers: PublishedServers,
  onSubsets: (subsets: readonly EndpointSubset[]) => void,
): Wanted<Endpoints> {
  const made = nextSubsets([], servers);
  return {
    target: { ...ENDPOINTS, version: 'v1' },
    object: {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { ...OWN, labels: { [SKIP_MIRROR]: 'true' } },
      subsets: made,
    },
    reconcile: (existing) => {
      const before = existing.subsets ?? [];
      const subsets = nextSubsets(before, servers);
      onSubsets(subsets);
      const labels = existing.metadata?.labels ?? {};
      if (equalValues(before, subsets) && labels[SKIP_MIRROR] === 'true') return undefined;
      const metadata = { ...existing.metadata, labels: { ...labels, [SKIP_MIRROR]: 'true' } };
      return { ...existing, metadata, subsets };
    },
  };
}

/** What is right stays as it is, with its order. */
function nextSubsets(
  before: readonly EndpointSubset[],
  { addresses, port, fixesPorts }: PublishedServers,
): EndpointSubset[] {
  if (addresses.length === 0) return [];
  const only = before.length === 1 ? before[0] : undefined;
  const ports: EndpointPort[] = [{ name: PORT_NAME, port, protocol: 'TCP' }];
  const present = (only?.addresses ?? []).map(({ ip }) => ip);
  const isSame =
    present.length === addresses.length && addresses.every((address) => present.includes(address));
  return [
    {
      ...only,
      addresses:
        only?.addresses !== undefined && isSame
          ? only.addresses
          : addresses.toSorted(byAddress).map((ip) => ({ ip })),
      ports: only?.ports !== undefined && !fixesPorts ? only.ports : ports,
    },
  ];
}

function byAddress(left: string, right: string): number {
  const [a = 0n, b = 0n] = [parseIp(left)?.value, parseIp(right)?.value];
  return a < b ? -1 : a > b ? 1 : 0;
}

export function wantedEndpointSlice(subsets: readonly EndpointSubset[]): Wanted<EndpointSlice> {
  const [subset] = subsets;
  const all = (subset?.addresses ?? []).map(({ ip }) => ip ?? '');
  const isV6 = (ip: string): boolean => parseIp(ip)?.family === 6;
  const addressType = all.length > 0 && all.every(isV6) ? ('IPv6' as const) : ('IPv4' as const);
  const endpoints = all
    .filter((ip) => isV6(ip) === (addressType === 'IPv6'))
    .map((ip) => ({ addresses: [ip], conditions: { ready: true } }));
  const ports = subset?.ports ?? [];
  const labels = { [SERVICE_NAME]: OWN.name };
  return {
    target: { ...ENDPOINT_SLICES, version: 'v1' },
    object: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...OWN, labels },
      addressType,
      endpoints,
      ports,
    },
    reconcile: (existing) => {
      // A slice cannot change its family; one that is empty need not.
      if (existing.addressType !== addressType && all.length > 0) return 'replace';
      const isRight =
        equalValues(existing.endpoints ?? [], endpoints) &&
        equalValues(existing.ports ?? [], ports) &&
        equalValues(existing.metadata?.labels, labels);
      return isRight
        ? undefined
        : { ...existing, metadata: { ...existing.metadata, labels }, endpoints, ports };
    },
  };
}
