/** What is odd about claims and volumes, though valid. Upstream: pkg/api/persistentvolume{,claim}/util.go. */
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
} from '#api/gen/core-v1.ts';
import { type FieldPath, fieldPath } from '../meta/field.ts';
import type { KubeObject } from '../meta/object.ts';
import { warnAboutTerms } from '../validation/placement-warnings.ts';
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
  return [
    ...warnAboutAnnotation(
      claim,
      CLASS,
      'deprecated since v1.8; use "storageClassName" attribute instead',
    ),
    ...warnAboutClaimSpec(claim.spec, fieldPath('spec')),
  ];
}

/** `at`: where the spec is. */
export function warnAboutClaimSpec(
  spec: PersistentVolumeClaimSpec | undefined,
  at: FieldPath,
): string[] {
  const { requests, limits } = spec?.resources ?? {};
  const here = at.child('resources');
  return [
    ...warnAboutFraction(requests, here.child('requests'), ['storage']),
    ...warnAboutFraction(limits, here.child('limits'), ['storage']),
  ];
}

/** Sources that no longer work, by the name that the warning has. */
const OLD_SOURCES: readonly (readonly [keyof PersistentVolumeSpec, string, string])[] = [
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];

export function warnAboutVolume(volume: PersistentVolume): string[] {
  const use = (since: string, field: string): string =>
    `deprecated since ${since}; use "${field}" attribute instead`;
  const terms = fieldPath('spec').child('nodeAffinity', 'required', 'nodeSelectorTerms');
  const recycles = volume.spec?.persistentVolumeReclaimPolicy === 'Recycle';
  return [
    ...warnAboutAnnotation(volume, CLASS, use('v1.8', 'storageClassName')),
    ...warnAboutAnnotation(volume, MOUNT_OPTIONS, use('v1.31', 'mountOptions')),
    ...(recycles ? [`spec.persistentVolumeReclaimPolicy: ${RECYCLE}`] : []),
    ...warnAboutTerms(volume.spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [], terms),
    ...OLD_SOURCES.filter(([field]) => volume.spec?.[field] !== undefined).map(
      ([, name, message]) => `spec.${name}: ${message}`,
    ),
  ];
}
