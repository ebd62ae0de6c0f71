/** VolumeAttributesClass. Upstream: pkg/registry/storage/volumeattributesclass. */
import type { VolumeAttributesClass } from '#api/gen/storage-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import {
  validateVolumeAttributesClass,
  validateVolumeAttributesClassUpdate,
} from '../validation/storage-class.ts';

export const VOLUME_ATTRIBUTES_CLASS = defineKind<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  shortNames: ['vac'],
  namespaced: false,
  tellsChangesFirst: true,
  schema: 'io.k8s.api.storage.v1.VolumeAttributesClass',
  countsGeneration: false,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [NAME_COLUMN, column('DriverName', (object) => object.driverName ?? ''), AGE_COLUMN],
  validate: validateVolumeAttributesClass,
  validateUpdate: validateVolumeAttributesClassUpdate,
});
