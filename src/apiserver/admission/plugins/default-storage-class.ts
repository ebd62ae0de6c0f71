/**
 * DefaultStorageClass: a claim that names no class gets the default one.
 *
 * Source: upstream plugin/pkg/admission/storage/storageclass/setdefault.
 */
import type { PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { StorageClass } from '#api/gen/storage-v1.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { newestDefault } from '../default-class.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, PERSISTENT_VOLUME_CLAIMS, STORAGE_CLASSES } from '../targets.ts';

const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';
const IS_DEFAULT_BETA = 'storageclass.beta.kubernetes.io/is-default-class';
const CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';

export function defaultStorageClass({ reader }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    admit(attributes) {
      const { operation, subresource } = attributes;
      if (
        !isFor(attributes, PERSISTENT_VOLUME_CLAIMS) ||
        operation !== 'CREATE' ||
        subresource !== ''
      )
        return;
      const claim = attributes.object as PersistentVolumeClaim | undefined;
      if (claim?.spec === undefined || claim.spec.storageClassName !== undefined) return;
      if (claim.metadata?.annotations?.[CLASS_BETA] !== undefined) return;
      const classes = reader.list(STORAGE_CLASSES) as Iterable<StorageClass>;
      const name = newestDefault(classes, [IS_DEFAULT, IS_DEFAULT_BETA]);
      if (name !== undefined) claim.spec.storageClassName = name;
    },
  };
}
