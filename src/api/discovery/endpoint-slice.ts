/** EndpointSlice. Upstream: pkg/registry/discovery/endpointslice/strategy.go. */
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN, withMore } from '../meta/columns.ts';
import { equalValues } from '../meta/equal.ts';
import {
  validateEndpointSlice,
  validateEndpointSliceCreate,
  validateEndpointSliceUpdate,
} from '../validation/endpoint-slice.ts';

const SHOWN_MAX = 3;

function setDefaults(slice: EndpointSlice): void {
  for (const port of slice.ports ?? []) {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }
}

function ports(slice: EndpointSlice): string {
  const names = (slice.ports ?? []).map(({ port, name }) =>
    port === undefined ? (name ?? '*') : String(port),
  );
  return withMore(names, SHOWN_MAX) || '<unset>';
}

export const ENDPOINT_SLICE = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  schema: 'io.k8s.api.discovery.v1.EndpointSlice',
  // Of the versions before v1.
  gatedFields: ['endpoints[].deprecatedTopology'],
  countsGeneration: true,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    column('AddressType', (slice) => slice.addressType ?? ''),
    column('Ports', ports),
    column(
      'Endpoints',
      ({ endpoints }) =>
        withMore(
          (endpoints ?? []).flatMap(({ addresses }) => addresses ?? []),
          SHOWN_MAX,
        ) || '<unset>',
    ),
    AGE_COLUMN,
  ],
  setDefaults,
  // The generation of a slice counts changes of its labels too.
  prepareForUpdate: (next, old) => {
    if (equalValues(next.metadata?.labels, old.metadata?.labels)) return;
    next.metadata = { ...next.metadata, generation: (old.metadata?.generation ?? 0) + 1 };
  },
  // The type never changes: whoever made the slice was warned.
  warn: ({ addressType }, old) =>
    addressType === 'FQDN' && old === undefined
      ? ['spec.addressType: FQDN endpoints are deprecated']
      : [],
  validate: validateEndpointSlice,
  validateCreate: validateEndpointSliceCreate,
  validateUpdate: validateEndpointSliceUpdate,
});
