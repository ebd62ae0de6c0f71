/** CSINode. Upstream: pkg/registry/storage/csinode. */
import type { CSINode } from '#api/gen/storage-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, integerColumn, NAME_COLUMN } from '../meta/columns.ts';
import { validateCsiNode, validateCsiNodeUpdate } from '../validation/csi.ts';

export const CSI_NODE = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.CSINode',
  countsGeneration: false,
  returnsDeletedObject: true,
  columns: [
    NAME_COLUMN,
    integerColumn('Drivers', ({ spec }) => (spec?.drivers ?? []).length),
    AGE_COLUMN,
  ],
  validate: validateCsiNode,
  validateUpdate: validateCsiNodeUpdate,
});
