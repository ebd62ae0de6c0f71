/** VolumeAttachment. Upstream: pkg/registry/storage/volumeattachment/strategy.go. */
import type { VolumeAttachment } from '#api/gen/storage-v1.ts';
import { defaultLegacyVolume } from '../core/volume-defaults.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import {
  validateVolumeAttachment,
  validateVolumeAttachmentStatus,
  validateVolumeAttachmentUpdate,
} from '../validation/volume-attachment.ts';

export const VOLUME_ATTACHMENT = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.VolumeAttachment',
  hasStatus: true,
  countsGeneration: false,
  returnsDeletedObject: true,
  columns: [
    NAME_COLUMN,
    { name: 'Attacher', type: 'string', format: 'name', cell: ({ spec }) => spec?.attacher ?? '' },
    column('PV', ({ spec }) => spec?.source?.persistentVolumeName ?? ''),
    column('Node', ({ spec }) => spec?.nodeName ?? ''),
    { name: 'Attached', type: 'boolean', cell: ({ status }) => status?.attached ?? false },
    AGE_COLUMN,
  ],
  setDefaults: ({ spec }) => {
    const volume = spec?.source?.inlineVolumeSpec;
    if (volume !== undefined) defaultLegacyVolume(volume);
  },
  prepareForCreate: (attachment) => {
    attachment.status = { attached: false };
  },
  validate: validateVolumeAttachment,
  validateUpdate: validateVolumeAttachmentUpdate,
  validateStatus: validateVolumeAttachmentStatus,
});
