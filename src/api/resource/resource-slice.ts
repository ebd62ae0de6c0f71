/** ResourceSlice. Upstream: pkg/registry/resource/resourceslice/strategy.go. */
import type { ResourceSlice } from '#api/gen/resource-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';

export const RESOURCE_SLICE = defineKind<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  namespaced: false,
  schema: 'io.k8s.api.resource.v1.ResourceSlice',
  countsGeneration: true,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.driver': ({ spec }) => spec?.driver ?? '',
  },
  columns: [
    NAME_COLUMN,
    column('Node', ({ spec }) => spec?.nodeName ?? ''),
    column('Driver', ({ spec }) => spec?.driver ?? ''),
    column('Pool', ({ spec }) => spec?.pool?.name ?? ''),
    AGE_COLUMN,
  ],
});
