/**
 * The kinds of `resource.k8s.io` as a client needs them. Their kinds in `api/resource/` carry the
 * whole expression language along, for validation that only the API server does.
 */
import type {
  DeviceClass,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from '#api/gen/resource-v1.ts';
import type { ResourcePoolStatusRequest } from '#api/gen/resource-v1alpha3.ts';
import type { ResourceType } from '#client/client.ts';

const GROUP = { group: 'resource.k8s.io', version: 'v1' };

export const RESOURCE_CLAIM: ResourceType<ResourceClaim> = {
  ...GROUP,
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  namespaced: true,
};

export const DEVICE_CLASS: ResourceType<DeviceClass> = {
  ...GROUP,
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  namespaced: false,
};

export const RESOURCE_CLAIM_TEMPLATE: ResourceType<ResourceClaimTemplate> = {
  ...GROUP,
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  namespaced: true,
};

export const RESOURCE_SLICE: ResourceType<ResourceSlice> = {
  ...GROUP,
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  namespaced: false,
};

export const RESOURCE_POOL_STATUS_REQUEST: ResourceType<ResourcePoolStatusRequest> = {
  ...GROUP,
  version: 'v1alpha3',
  kind: 'ResourcePoolStatusRequest',
  plural: 'resourcepoolstatusrequests',
  namespaced: false,
};
