/**
 * PodGroupProtection: a group of pods stays until none of its pods runs or waits any more.
 *
 * Source: upstream plugin/pkg/admission/scheduling/podgroupprotection.
 */
import { metadataOf } from '../../api-object.ts';
import type { AdmissionPlugin } from '../admission.ts';
import { isFor, POD_GROUPS } from '../targets.ts';

const FINALIZER = 'scheduling.k8s.io/podgroup-protection';

export const podGroupProtection: AdmissionPlugin = {
  name: 'PodGroupProtection',
  admit(attributes) {
    const { object, operation, subresource } = attributes;
    if (operation !== 'CREATE' || subresource !== '' || object === undefined) return;
    if (!isFor(attributes, POD_GROUPS)) return;
    const metadata = metadataOf(object);
    const present = metadata.finalizers ?? [];
    if (!present.includes(FINALIZER)) metadata.finalizers = [...present, FINALIZER];
  },
};
