/** What is odd about pods and their templates, though valid. Upstream: pkg/api/pod/warnings.go. */
import type { Pod, PodSpec, PodTemplateSpec } from '#api/gen/core-v1.ts';
import { type FieldPath, fieldPath, ROOT } from '../meta/field.ts';
import { isDns1123Label } from '../meta/names.ts';
import { equalValues } from '../meta/equal.ts';
import { APP_ARMOR_ANNOTATION, APP_ARMOR_DEPRECATED, appArmorOf } from '../core/app-armor.ts';
import { containersWithPaths } from './container-paths.ts';
import { SECCOMP_CONTAINER, SECCOMP_POD } from './profile-annotations.ts';
import type { KubeObject } from '../meta/object.ts';
import { warnAboutContainers } from './container-warnings.ts';
import { warnAboutAffinity, warnAboutIp, warnAboutPlacement } from './placement-warnings.ts';
import { warnAboutFraction, warnAboutVolumes } from './volume-warnings.ts';

const OLD_ANNOTATIONS: readonly (readonly [string, string])[] = [
  [
    'scheduler.alpha.kubernetes.io/critical-pod',
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  ],
  [
    'security.alpha.kubernetes.io/sysctls',
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
  [
    'security.alpha.kubernetes.io/unsafe-sysctls',
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
];
const SECCOMP_FIELD = 'non-functional in v1.27+; use the "seccompProfile" field instead';

/** Repeated members of a list: the second and later ones, as upstream tells them. */
function repeated(values: readonly string[], at: FieldPath, field: string, what: string): string[] {
  return values.flatMap((value, i) =>
    values.indexOf(value) < i
      ? [`${at.index(i).child(field).toString()}: duplicate ${what} ${JSON.stringify(value)}`]
      : [],
  );
}

function warnAboutAnnotations({ metadata, spec }: Pod, at: FieldPath): string[] {
  const annotations = metadata?.annotations ?? {};
  const here = at.child('metadata', 'annotations');
  const warnings = OLD_ANNOTATIONS.filter(([key]) => Object.hasOwn(annotations, key)).map(
    ([key, message]) => `${here.key(key).toString()}: ${message}`,
  );
  const hasField = spec?.securityContext?.seccompProfile !== undefined;
  if (!hasField && Object.hasOwn(annotations, SECCOMP_POD)) {
    warnings.push(`${here.key(SECCOMP_POD).toString()}: ${SECCOMP_FIELD}`);
  }
  return [...warnings, ...warnAboutProfiles(annotations, spec, at)];
}

/** Profiles that an annotation names and no field. Of a pod those of AppArmor are told elsewhere. */
function warnAboutProfiles(
  annotations: Readonly<Record<string, string>>,
  spec: PodSpec | undefined,
  at: FieldPath,
): string[] {
  if (spec === undefined) return [];
  const here = at.child('metadata', 'annotations');
  const ofPod = spec.securityContext?.appArmorProfile;
  return containersWithPaths(spec, at).flatMap(({ container: { name, securityContext } }) => {
    const seccomp = `${SECCOMP_CONTAINER}${name}`;
    const appArmor = `${APP_ARMOR_ANNOTATION}${name}`;
    const annotation = annotations[appArmor];
    const isSilent =
      at === ROOT || annotation === undefined || securityContext?.appArmorProfile !== undefined;
    return [
      ...(securityContext?.seccompProfile === undefined && annotations[seccomp] !== undefined
        ? [`${here.key(seccomp).toString()}: ${SECCOMP_FIELD}`]
        : []),
      ...(isSilent || (ofPod !== undefined && equalValues(ofPod, appArmorOf(annotation)))
        ? []
        : [`${here.key(appArmor).toString()}: ${APP_ARMOR_DEPRECATED}`]),
    ];
  });
}

function warnAboutSpec(spec: PodSpec, at: FieldPath): string[] {
  const aliases = spec.hostAliases ?? [];
  const secrets = (spec.imagePullSecrets ?? []).map(({ name = '' }) => name);
  const secretsAt = at.child('imagePullSecrets');
  const grace = spec.terminationGracePeriodSeconds ?? 0;
  const graceText = 'must be >= 0; negative values are invalid and will be treated as 1';
  return [
    ...warnAboutVolumes(spec.volumes ?? [], at.child('volumes')),
    ...repeated(
      aliases.map(({ ip }) => ip),
      at.child('hostAliases'),
      'ip',
      'ip',
    ),
    ...repeated(secrets, secretsAt, 'name', 'name'),
    ...secrets.flatMap((name, i) =>
      name === '' ? [`${secretsAt.index(i).child('name').toString()}: invalid empty name ""`] : [],
    ),
    ...warnAboutFraction(spec.overhead, at.child('overhead')),
    ...warnAboutContainers(spec, at),
    ...(grace < 0 ? [`${at.child('terminationGracePeriodSeconds').toString()}: ${graceText}`] : []),
    ...warnAboutAffinity(spec, at),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((server, i) =>
      warnAboutIp(server, at.child('dnsConfig', 'nameservers').index(i)),
    ),
    ...aliases.flatMap(({ ip }, i) =>
      warnAboutIp(ip ?? '', at.child('hostAliases').index(i).child('ip')),
    ),
  ];
}

function warnings(pod: Pod, at: FieldPath): string[] {
  const { spec } = pod;
  if (spec === undefined) return [];
  const here = at.child('spec');
  return [
    ...warnAboutPlacement(spec, here),
    ...warnAboutAnnotations(pod, at),
    ...warnAboutSpec(spec, here),
  ];
}

const hostnameWarning = (object: KubeObject, use: string): string[] => {
  const messages = isDns1123Label(object.metadata?.name ?? '');
  if (messages.length === 0) return [];
  return [
    `metadata.name: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`,
  ];
};

/** The name of something that pods are named after. */
export const warnAboutName = (object: KubeObject): string[] =>
  hostnameWarning(object, 'Pod names and hostnames');

/** A pod that somebody creates. */
export const warnAboutPod = (pod: Pod): string[] => [
  ...hostnameWarning(pod, "the Pod's hostname"),
  ...warnings(pod, ROOT),
];

/** The template of an object. `path`: where it is. */
export function warnAboutTemplate(
  template: PodTemplateSpec | undefined,
  path = 'spec.template',
): string[] {
  return template === undefined ? [] : warnings(template, fieldPath(path));
}

/** Whether a write is a create, or changes what the generation counts: only then is one warned. */
export function isNewSpec(next: KubeObject, old: KubeObject | undefined): boolean {
  return old === undefined || next.metadata?.generation !== old.metadata?.generation;
}
