/** ResourceQuota. Upstream: pkg/registry/core/resourcequota/strategy.go. */
import type { ResourceQuota } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import {
  validateResourceQuota,
  validateResourceQuotaStatus,
  validateResourceQuotaUpdate,
} from '../validation/resource-quota.ts';

/** `pods: 2/10, services: 1/5`: what is used of what is allowed. */
function usage(quota: ResourceQuota, wanted: 'requests' | 'limits'): string {
  const { hard = {}, used = {} } = quota.status ?? {};
  return Object.keys(hard)
    .filter((name) => name.startsWith('limits.') === (wanted === 'limits'))
    .toSorted()
    .map((name) => `${name}: ${used[name] ?? '0'}/${hard[name] ?? '0'}`)
    .join(', ');
}

export const RESOURCE_QUOTA = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ResourceQuota',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [
    NAME_COLUMN,
    column('Request', (quota) => usage(quota, 'requests')),
    column('Limit', (quota) => usage(quota, 'limits')),
    AGE_COLUMN,
  ],
  prepareForCreate: (quota) => {
    quota.status = {};
  },
  validate: validateResourceQuota,
  validateUpdate: validateResourceQuotaUpdate,
  validateStatus: validateResourceQuotaStatus,
});
