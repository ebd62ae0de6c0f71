/** ResourcePoolStatusRequest. Upstream: pkg/registry/resource/resourcepoolstatusrequest, printers.go. */
import type { ResourcePoolStatusRequest } from '#api/gen/resource-v1alpha3.ts';
import { defineKind } from '../kind.ts';
import { column, integerColumn, NAME_COLUMN } from '../meta/columns.ts';
import { timeSince } from '../meta/duration.ts';
import { fieldPath } from '../meta/field.ts';
import { immutable, validateConditions } from '../validation/metadata.ts';

const LIMIT_DEFAULT = 100;

type Count = 'totalDevices' | 'availableDevices' | 'allocatedDevices' | 'unavailableDevices';

const outcomeOf = ({ status }: ResourcePoolStatusRequest) =>
  status?.conditions?.find(
    ({ type, status: is }) => is === 'True' && (type === 'Complete' || type === 'Failed'),
  );

/** A number over all pools, `-` while there is none. */
function overPools(
  request: ResourcePoolStatusRequest,
  count: (pools: NonNullable<NonNullable<typeof request.status>['pools']>) => number,
): string {
  if (request.status === undefined || outcomeOf(request)?.type === 'Failed') return '-';
  return String(count(request.status.pools ?? []));
}

const sumOf = (field: Count) => (request: ResourcePoolStatusRequest) =>
  overPools(request, (pools) => pools.reduce((sum, pool) => sum + (pool[field] ?? 0), 0));

function stateOf(request: ResourcePoolStatusRequest): string {
  const outcome = outcomeOf(request)?.type ?? 'Pending';
  const { poolCount = 0, pools = [] } = request.status ?? {};
  return outcome === 'Complete' && poolCount > pools.length
    ? `Complete (${pools.length}/${poolCount} pools)`
    : outcome;
}

export const RESOURCE_POOL_STATUS_REQUEST = defineKind<ResourcePoolStatusRequest>({
  group: 'resource.k8s.io',
  version: 'v1alpha3',
  kind: 'ResourcePoolStatusRequest',
  plural: 'resourcepoolstatusrequests',
  namespaced: false,
  schema: 'io.k8s.api.resource.v1alpha3.ResourcePoolStatusRequest',
  hasStatus: true,
  countsGeneration: false,
  returnsDeletedObject: true,
  columns: [
    NAME_COLUMN,
    column('Driver', ({ spec }) => spec?.driver ?? ''),
    column('Total', sumOf('totalDevices')),
    column('Available', sumOf('availableDevices')),
    column('Allocated', sumOf('allocatedDevices')),
    column('Unavailable', sumOf('unavailableDevices')),
    column('Errors', (request) =>
      overPools(
        request,
        (pools) => pools.filter(({ validationError }) => validationError !== undefined).length,
      ),
    ),
    integerColumn('Pools', ({ status }) => status?.poolCount),
    column('Status', stateOf),
    column('Completed', (request, nowMs) => {
      const outcome = outcomeOf(request);
      return outcome?.type === 'Complete' ? timeSince(outcome.lastTransitionTime, nowMs) : '<none>';
    }),
  ],
  setDefaults: ({ spec }) => {
    if (spec !== undefined) spec.limit ??= LIMIT_DEFAULT;
  },
  prepareForCreate: (request) => {
    delete request.status;
  },
  validateUpdate: (next, old) => immutable(next.spec, old.spec, fieldPath('spec')),
  validateStatus: ({ status }) =>
    validateConditions(status?.conditions, fieldPath('status').child('conditions')),
});
