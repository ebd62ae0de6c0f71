/**
 * AppArmor profiles that annotations of a pod name, from before there was a field.
 *
 * Source: KEP-24; upstream v1.36 pkg/registry/core/pod/strategy.go (applyAppArmorVersionSkew) and
 * pkg/api/pod/util.go (ApparmorFieldForAnnotation).
 */
import type { AppArmorProfile, Pod } from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';
import { fieldPath } from '../meta/field.ts';

export const APP_ARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
export const APP_ARMOR_DEPRECATED =
  'deprecated since v1.30; use the "appArmorProfile" field instead';
const LOCALHOST = 'localhost/';
const PROFILE_MAX = 4095;

/** The field that says the same as an annotation; undefined where no field does. */
export function appArmorOf(annotation: string): AppArmorProfile | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' };
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' };
  const localhostProfile = annotation.slice(LOCALHOST.length);
  return annotation.startsWith(LOCALHOST) && localhostProfile !== ''
    ? { type: 'Localhost', localhostProfile }
    : undefined;
}

/**
 * Gives each container of a new pod the field that its annotation stands for, unless it has one or
 * the pod has that. Changes `pod`; `warn` is told of annotations that are not repeated by a field.
 */
export function applyAppArmorAnnotations(pod: Pod, warn: (text: string) => void): void {
  const { metadata, spec } = pod;
  const annotations = metadata?.annotations;
  if (annotations === undefined || spec === undefined || spec.os?.name === 'windows') return;
  const ofPod = spec.securityContext?.appArmorProfile;
  const containers = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  for (const container of containers) {
    const key = `${APP_ARMOR_ANNOTATION}${container.name}`;
    const annotation = annotations[key];
    if (annotation === undefined || container.securityContext?.appArmorProfile !== undefined)
      continue;
    const profile = validOnly(appArmorOf(annotation));
    if (profile !== undefined && equalValues(profile, ofPod)) continue;
    if (profile !== undefined)
      container.securityContext = { ...container.securityContext, appArmorProfile: profile };
    const at = fieldPath('metadata').child('annotations').key(key);
    warn(`${at.toString()}: ${APP_ARMOR_DEPRECATED}`);
  }
}

/** What validation would refuse is not copied: the annotation is not what it refuses. */
function validOnly(profile: AppArmorProfile | undefined): AppArmorProfile | undefined {
  const { localhostProfile = '' } = profile ?? {};
  const isValid =
    localhostProfile.trim() === localhostProfile && localhostProfile.length <= PROFILE_MAX;
  return isValid ? profile : undefined;
}
