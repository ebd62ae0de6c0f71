/**
 * StorageObjectInUseProtection: volumes and claims stay until nothing uses them.
 *
 * Source: upstream plugin/pkg/admission/storage/storageobjectinuseprotection.
 */
import { metadataOf } from '../../api-object.ts';
import type { AdmissionPlugin } from '../admission.ts';
import {
  isFor,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  VOLUME_ATTRIBUTES_CLASSES,
} from '../targets.ts';

const FINALIZERS = [
  [PERSISTENT_VOLUMES, 'kubernetes.io/pv-protection'],
  [PERSISTENT_VOLUME_CLAIMS, 'kubernetes.io/pvc-protection'],
  [VOLUME_ATTRIBUTES_CLASSES, 'kubernetes.io/vac-protection'],
] as const;

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  admit(attributes) {
    const { object, operation, subresource } = attributes;
    if (operation !== 'CREATE' || subresource !== '' || object === undefined) return;
    const finalizer = FINALIZERS.find(([target]) => isFor(attributes, target))?.[1];
    if (finalizer === undefined) return;
    const metadata = metadataOf(object);
    const present = metadata.finalizers ?? [];
    if (!present.includes(finalizer)) metadata.finalizers = [...present, finalizer];
  },
};
