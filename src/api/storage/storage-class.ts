/** StorageClass. Upstream: pkg/registry/storage/storageclass, pkg/apis/storage/v1/defaults.go. */
import type { StorageClass } from '#api/gen/storage-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { validateStorageClass, validateStorageClassUpdate } from '../validation/storage-class.ts';

const DEFAULT_ANNOTATIONS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** Whether claims that name no class get this one. */
export function isDefaultStorageClass({ metadata }: StorageClass): boolean {
  return DEFAULT_ANNOTATIONS.some((name) => metadata?.annotations?.[name] === 'true');
}

export const STORAGE_CLASS = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  shortNames: ['sc'],
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.StorageClass',
  countsGeneration: false,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [
    {
      ...NAME_COLUMN,
      cell: (object: StorageClass) =>
        `${object.metadata?.name ?? ''}${isDefaultStorageClass(object) ? ' (default)' : ''}`,
    },
    column('Provisioner', (object) => object.provisioner ?? ''),
    column('ReclaimPolicy', (object) => object.reclaimPolicy ?? 'Delete'),
    column('VolumeBindingMode', (object) => object.volumeBindingMode ?? 'Immediate'),
    column('AllowVolumeExpansion', (object) => object.allowVolumeExpansion ?? false),
    AGE_COLUMN,
  ],
  setDefaults: (object) => {
    object.reclaimPolicy ??= 'Delete';
    object.volumeBindingMode ??= 'Immediate';
  },
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
});
