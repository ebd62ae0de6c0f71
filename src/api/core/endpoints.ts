/** Endpoints, the ancestor of EndpointSlice. Upstream: pkg/registry/core/endpoint. */
import type { Endpoints, EndpointSubset } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN, withMore } from '../meta/columns.ts';
import { validateEndpointsCreate, validateEndpointsUpdate } from '../validation/endpoints.ts';

const SHOWN_MAX = 3;

function addresses({ addresses: list, ports }: EndpointSubset): string[] {
  const ips = (list ?? []).map((address) => address.ip ?? '');
  if ((ports ?? []).length === 0) return ips;
  return (ports ?? []).flatMap(({ port }) =>
    ips.map((ip) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
  );
}

function shown(endpoints: Endpoints): string {
  if ((endpoints.subsets ?? []).length === 0) return '<none>';
  return withMore((endpoints.subsets ?? []).flatMap(addresses), SHOWN_MAX);
}

function setDefaults(endpoints: Endpoints): void {
  for (const { ports } of endpoints.subsets ?? []) {
    for (const port of ports ?? []) port.protocol ||= 'TCP';
  }
}

export const ENDPOINTS = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Endpoints',
  storagePrefix: 'services/endpoints',
  countsGeneration: false,
  createOnUpdate: true,
  unconditionalUpdate: true,
  columns: [NAME_COLUMN, column('Endpoints', shown), AGE_COLUMN],
  setDefaults,
  validateCreate: validateEndpointsCreate,
  validateUpdate: validateEndpointsUpdate,
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
});
