/** ResourceClaim. Upstream: pkg/registry/resource/resourceclaim/strategy.go. */
import type { ResourceClaim } from '#api/gen/resource-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { immutable } from '../validation/metadata.ts';
import { fieldPath } from '../meta/field.ts';
import { validateResourceClaimStatus } from '../validation/device-claim-status.ts';
import { validateResourceClaim } from '../validation/device-claim.ts';
import { labelOfClaim } from './admin-access.ts';
import { defaultDeviceRequests } from './device-requests.ts';
import { keyOf, permissionsForClaimStatus } from './status-permissions.ts';

function state({ metadata, status }: ResourceClaim): string {
  const deleted = metadata?.deletionTimestamp !== undefined;
  const states = deleted ? ['deleted'] : [];
  if (status?.allocation === undefined) {
    if (!deleted) states.push('pending');
  } else {
    states.push('allocated');
    if ((status.reservedFor ?? []).length > 0) states.push('reserved');
  }
  return states.join(',');
}

/** What devices said of themselves goes with their allocation. */
function dropDeallocated(next: ResourceClaim, old: ResourceClaim): void {
  const { status } = next;
  if (status === undefined) return;
  const results = (claim: ResourceClaim): string[] =>
    (claim.status?.allocation?.devices?.results ?? []).map(keyOf);
  const gone = new Set(results(old));
  for (const key of results(next)) gone.delete(key);
  const devices = (status.devices ?? []).filter((device) => !gone.has(keyOf(device)));
  if (devices.length > 0) status.devices = devices;
  else delete status.devices;
}

export const RESOURCE_CLAIM = defineKind<ResourceClaim>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  namespaced: true,
  schema: 'io.k8s.api.resource.v1.ResourceClaim',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [NAME_COLUMN, column('State', state), AGE_COLUMN],
  setDefaults: (claim) => defaultDeviceRequests(claim.spec),
  prepareForCreate: (claim) => {
    claim.status = {};
  },
  prepareForStatusUpdate: dropDeallocated,
  namespaceLabelNeeded: labelOfClaim,
  permissionsNeeded: permissionsForClaimStatus,
  validateCreate: validateResourceClaim,
  validateStatus: validateResourceClaimStatus,
  validateUpdate: (next, old) =>
    immutable(next.spec, old.spec, fieldPath('spec'), 'io.k8s.api.resource.v1.ResourceClaimSpec'),
});
