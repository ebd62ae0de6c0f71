/**
 * What is in use stays: each new object of these resources gets a finalizer, which a controller
 * takes away when the object is to go and nothing uses it any more.
 *
 * Source: upstream plugin/pkg/admission/storage/storageobjectinuseprotection and
 * plugin/pkg/admission/scheduling/podgroupprotection.
 */
import { metadataOf } from '../../api-object.ts';
import type { AdmissionPlugin } from '../admission.ts';
import {
  isFor,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_GROUPS,
  type Target,
  VOLUME_ATTRIBUTES_CLASSES,
} from '../targets.ts';

/** Volumes and claims stay until nothing uses them. */
export const storageObjectInUseProtection = protection('StorageObjectInUseProtection', [
  [PERSISTENT_VOLUMES, 'kubernetes.io/pv-protection'],
  [PERSISTENT_VOLUME_CLAIMS, 'kubernetes.io/pvc-protection'],
  [VOLUME_ATTRIBUTES_CLASSES, 'kubernetes.io/vac-protection'],
]);

/** A group of pods stays until none of its pods runs or waits any more. */
export const podGroupProtection = protection('PodGroupProtection', [
  [POD_GROUPS, 'scheduling.k8s.io/podgroup-protection'],
]);

function protection(
  name: string,
  finalizers: readonly (readonly [target: Target, finalizer: string])[],
): AdmissionPlugin {
  return {
    name,
    admit(attributes) {
      const { object, operation, subresource } = attributes;
      if (operation !== 'CREATE' || subresource !== '' || object === undefined) return;
      const finalizer = finalizers.find(([target]) => isFor(attributes, target))?.[1];
      if (finalizer === undefined) return;
      const metadata = metadataOf(object);
      const present = metadata.finalizers ?? [];
      if (!present.includes(finalizer)) metadata.finalizers = [...present, finalizer];
    },
  };
}
