/** ResourceSlice. Upstream: pkg/registry/resource/resourceslice/strategy.go. */
import type { ResourceSlice } from '#api/gen/resource-v1.ts';
import { timeText } from '../meta/time.ts';
import { defineKind, type WriteContext } from '../kind.ts';
import {
  validateResourceSlice,
  validateResourceSliceUpdate,
} from '../validation/resource-slice.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';

/** A taint that does not say since when it is there is there from now on. */
function stampTaints({ spec }: ResourceSlice, { nowMs }: WriteContext): void {
  for (const { taints = [] } of spec?.devices ?? []) {
    for (const taint of taints) taint.timeAdded ??= timeText(nowMs);
  }
}

export const RESOURCE_SLICE = defineKind<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  namespaced: false,
  schema: 'io.k8s.api.resource.v1.ResourceSlice',
  // Gates DRAListTypeAttributes, DRANodeAllocatableResources.
  gatedFields: [
    'spec.devices[].attributes{}.bools',
    'spec.devices[].attributes{}.ints',
    'spec.devices[].attributes{}.strings',
    'spec.devices[].attributes{}.versions',
    'spec.devices[].nodeAllocatableResourceMappings',
  ],
  countsGeneration: true,
  countsGatedFields: true,
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
  prepareForCreate: stampTaints,
  prepareForUpdate: (next, _old, context) => stampTaints(next, context),
  validateCreate: validateResourceSlice,
  validateUpdate: validateResourceSliceUpdate,
});
