/**
 * PersistentVolumeClaimResize: only a bound claim of a class that can grow may grow.
 *
 * Source: upstream plugin/pkg/admission/storage/persistentvolume/resize.
 */
import type { PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { StorageClass } from '#api/gen/storage-v1.ts';
import { compareQuantity } from '#api/codec/quantity.ts';
import type { AdmissionPlugin, ObjectReader } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, PERSISTENT_VOLUME_CLAIMS, STORAGE_CLASSES } from '../targets.ts';

const CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';

export function persistentVolumeClaimResize({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    validate(attributes) {
      const { operation, subresource } = attributes;
      if (
        !isFor(attributes, PERSISTENT_VOLUME_CLAIMS) ||
        operation !== 'UPDATE' ||
        subresource !== ''
      )
        return;
      const next = attributes.object as PersistentVolumeClaim | undefined;
      const old = attributes.old as PersistentVolumeClaim | undefined;
      if (compareQuantity(storageOf(next), storageOf(old)) <= 0) return;
      if (old?.status?.phase !== 'Bound') {
        throw refusal(attributes, 'Only bound persistent volume claims can be expanded');
      }
      const name = classOf(next);
      if (name === '' || name !== classOf(old) || !canGrow(reader, name)) {
        throw refusal(
          attributes,
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
        );
      }
    },
  };
}

function storageOf(claim: PersistentVolumeClaim | undefined): string {
  return claim?.spec?.resources?.requests?.['storage'] ?? '0';
}

function classOf(claim: PersistentVolumeClaim | undefined): string {
  return claim?.metadata?.annotations?.[CLASS_BETA] ?? claim?.spec?.storageClassName ?? '';
}

function canGrow(reader: ObjectReader, name: string): boolean {
  return (
    (reader.get(STORAGE_CLASSES, '', name) as StorageClass | undefined)?.allowVolumeExpansion ===
    true
  );
}
