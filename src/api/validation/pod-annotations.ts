/** Annotations of pods that mean something to the server. Upstream: pkg/apis/core/validation. */
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
} from '../meta/field.ts';
import { APP_ARMOR_ANNOTATION as APPARMOR } from '../core/app-armor.ts';
import { POD_DELETION_COST, readDeletionCost } from '../core/pod-helpers.ts';
import { containersWithPaths } from './container-paths.ts';
import { descendingPath } from './paths.ts';
import { SECCOMP_CONTAINER, SECCOMP_POD } from './profile-annotations.ts';

type Annotations = Readonly<Record<string, string>> | undefined;

const MIRROR = 'kubernetes.io/config.mirror';

function validateSeccomp(profile: string, at: FieldPath): FieldError[] {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return [];
  if (profile.startsWith('localhost/'))
    return descendingPath(profile.slice('localhost/'.length), at);
  return [invalidValue(at, profile, 'must be a valid seccomp profile')];
}

/** `at`: the path of the annotations. */
export function validatePodAnnotations(
  annotations: Annotations,
  spec: PodSpec | undefined,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const mirror = annotations?.[MIRROR];
  if (mirror !== undefined && !spec?.nodeName) {
    errors.push(
      invalidValue(
        at.key(MIRROR),
        mirror,
        'must set spec.nodeName if mirror pod annotation is set',
      ),
    );
  }
  const cost = annotations?.[POD_DELETION_COST];
  if (cost !== undefined && readDeletionCost(cost) === undefined) {
    errors.push(invalidValue(at.key(POD_DELETION_COST), cost, 'must be a 32bit integer'));
  }
  const names =
    spec === undefined ? [] : containersWithPaths(spec, at).map(({ container }) => container.name);
  for (const [key, value] of Object.entries(annotations ?? {})) {
    if (key === SECCOMP_POD || key.startsWith(SECCOMP_CONTAINER)) {
      errors.push(...validateSeccomp(value, at.child(key)));
    }
    if (!key.startsWith(APPARMOR)) continue;
    const name = key.slice(APPARMOR.length);
    if (!names.includes(name)) errors.push(invalidValue(at.key(key), name, 'container not found'));
    if (!['', 'runtime/default', 'unconfined'].includes(value) && !value.startsWith('localhost/')) {
      errors.push(
        invalidValue(at.key(key), value, `invalid AppArmor profile name: ${JSON.stringify(value)}`),
      );
    }
  }
  return errors;
}

/** Mirror and AppArmor annotations neither come, go nor change. */
export function validateAnnotationUpdate(next: Pod, old: Pod): FieldError[] {
  const at = fieldPath('metadata').child('annotations');
  const before = old.metadata?.annotations ?? {};
  const after = next.metadata?.annotations ?? {};
  const errors: FieldError[] = [];
  for (const key of Object.keys(before)) {
    if (after[key] === before[key]) continue;
    if (key.startsWith(APPARMOR)) {
      errors.push(forbiddenField(at.key(key), 'may not remove or update AppArmor annotations'));
    }
    if (key === MIRROR)
      errors.push(forbiddenField(at.key(key), 'may not remove or update mirror pod annotation'));
  }
  for (const key of Object.keys(after).filter((name) => before[name] === undefined)) {
    if (key.startsWith(APPARMOR))
      errors.push(forbiddenField(at.key(key), 'may not add AppArmor annotations'));
    if (key === MIRROR)
      errors.push(forbiddenField(at.key(key), 'may not add mirror pod annotation'));
  }
  return errors;
}
