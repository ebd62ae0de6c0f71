/**
 * Annotations of pods that name seccomp and AppArmor profiles, beside the fields that came later: the
 * two must say the same.
 *
 * Source: upstream v1.36 pkg/apis/core/validation/validation.go
 * (validateSeccompAnnotationsAndFields, validateAppArmorAnnotationsAndFieldsMatchOnCreate).
 */
import type { PodSpec } from '#api/gen/core-v1.ts';
import { APP_ARMOR_ANNOTATION } from '../core/app-armor.ts';
import { type FieldError, type FieldPath, forbiddenField } from '../meta/field.ts';
import { containersWithPaths } from './container-paths.ts';

type Annotations = Readonly<Record<string, string>> | undefined;

export const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
export const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const LOCALHOST = 'localhost/';

interface Profile {
  readonly type?: string;
  readonly localhostProfile?: string;
}

/** What the annotation of each type of profile may be. */
type Values = Readonly<Record<string, readonly string[]>>;

const SECCOMP: Values = {
  Unconfined: ['unconfined'],
  RuntimeDefault: ['runtime/default', 'docker/default'],
};
const APP_ARMOR: Values = { Unconfined: ['unconfined'], RuntimeDefault: ['runtime/default'] };

/** For new pods and for templates. `at`: the path of the spec. */
export function validateProfileAnnotations(
  annotations: Annotations,
  spec: PodSpec | undefined,
  at: FieldPath,
): FieldError[] {
  if (annotations === undefined || spec === undefined) return [];
  const containers = containersWithPaths(spec, at);
  const ofPod = spec.securityContext;
  const isWindows = spec.os?.name === 'windows';
  return [
    ...mismatch('seccomp', SECCOMP, {
      annotation: annotations[SECCOMP_POD],
      profile: ofPod?.seccompProfile,
      at: at.child('securityContext', 'seccompProfile'),
    }),
    ...containers.flatMap(({ container, path }) =>
      mismatch('seccomp', SECCOMP, {
        annotation: annotations[`${SECCOMP_CONTAINER}${container.name}`],
        profile: container.securityContext?.seccompProfile,
        at: path.child('securityContext', 'seccompProfile'),
      }),
    ),
    ...(isWindows ? [] : containers).flatMap(({ container, path }) =>
      mismatch('apparmor', APP_ARMOR, {
        annotation: annotations[`${APP_ARMOR_ANNOTATION}${container.name}`],
        profile: container.securityContext?.appArmorProfile ?? ofPod?.appArmorProfile,
        at: path.child('securityContext', 'appArmorProfile'),
      }),
    ),
  ];
}

function mismatch(
  what: string,
  values: Values,
  {
    annotation,
    profile,
    at,
  }: {
    readonly annotation: string | undefined;
    readonly profile: Profile | undefined;
    readonly at: FieldPath;
  },
): FieldError[] {
  if (annotation === undefined || profile === undefined) return [];
  const { type = '', localhostProfile } = profile;
  const wrong = (field: string, name: string): FieldError[] => [
    forbiddenField(at.child(field), `${what} ${name} in annotation and field must match`),
  ];
  if (type !== 'Localhost') {
    const allowed = values[type];
    return allowed === undefined || allowed.includes(annotation) ? [] : wrong('type', 'type');
  }
  if (!annotation.startsWith(LOCALHOST)) return wrong('type', 'type');
  return annotation.slice(LOCALHOST.length) === localhostProfile
    ? []
    : wrong('localhostProfile', 'profile');
}
