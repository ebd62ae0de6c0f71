/** CSIStorageCapacity. Upstream: pkg/registry/storage/csistoragecapacity. */
import type { CSIStorageCapacity } from '#api/gen/storage-v1.ts';
import { defineKind } from '../kind.ts';
import { DEFAULT_COLUMNS } from '../meta/columns.ts';
import { validateCsiStorageCapacity, validateCsiStorageCapacityUpdate } from '../validation/csi.ts';

export const CSI_STORAGE_CAPACITY = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  namespaced: true,
  schema: 'io.k8s.api.storage.v1.CSIStorageCapacity',
  countsGeneration: false,
  columns: DEFAULT_COLUMNS,
  validate: validateCsiStorageCapacity,
  validateUpdate: validateCsiStorageCapacityUpdate,
});
