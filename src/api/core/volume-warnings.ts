/** What is odd about claims and volumes, though valid. Upstream: pkg/api/persistentvolume{,claim}/util.go. */
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import { fieldPath } from '../meta/field.ts';
import type { KubeObject } from '../meta/object.ts';
import { warnAboutFraction } from '../validation/volume-warnings.ts';

const CLASS = 'volume.beta.kubernetes.io/storage-class';
const MOUNT_OPTIONS = 'volume.beta.kubernetes.io/mount-options';
const RECYCLE =
  'The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';

function warnAboutAnnotation({ metadata }: KubeObject, key: string, message: string): string[] {
  if (metadata?.annotations?.[key] === undefined) return [];
  return [`metadata.annotations[${key}]: ${message}`];
}

export function warnAboutClaim(claim: PersistentVolumeClaim): string[] {
  const at = fieldPath('spec').child('resources');
  const { requests, limits } = claim.spec?.resources ?? {};
  return [
    ...warnAboutAnnotation(
      claim,
      CLASS,
      'deprecated since v1.8; use "storageClassName" attribute instead',
    ),
    ...warnAboutFraction(requests, at.child('requests'), ['storage']),
    ...warnAboutFraction(limits, at.child('limits'), ['storage']),
  ];
}

export function warnAboutVolume(volume: PersistentVolume): string[] {
  const use = (since: string, field: string): string =>
    `deprecated since ${since}; use "${field}" attribute instead`;
  const recycles = volume.spec?.persistentVolumeReclaimPolicy === 'Recycle';
  return [
    ...warnAboutAnnotation(volume, CLASS, use('v1.8', 'storageClassName')),
    ...warnAboutAnnotation(volume, MOUNT_OPTIONS, use('v1.31', 'mountOptions')),
    ...(recycles ? [`spec.persistentVolumeReclaimPolicy: ${RECYCLE}`] : []),
  ];
}
