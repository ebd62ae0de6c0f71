/**
 * Profiles of the kernel's security modules: AppArmor and the options of SELinux.
 *
 * Source: Kubernetes documentation, "Pod Security Standards": AppArmor, SELinux.
 */
import type { SELinuxOptions } from '#api/gen/core-v1.ts';
import {
  type Check,
  type CheckedPod,
  containersOf,
  type Finding,
  namesWhere,
  plural,
  quoted,
  settersText,
  sortedSet,
} from '../check.ts';

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const APPARMOR_TYPES: ReadonlySet<string> = new Set(['RuntimeDefault', 'Localhost']);

function isAllowedAnnotation(value: string): boolean {
  return value === '' || value === 'runtime/default' || value.startsWith('localhost/');
}

function appArmor(pod: CheckedPod): Finding | undefined {
  const bad = (profile: { readonly type: string } | undefined): string[] =>
    profile === undefined || APPARMOR_TYPES.has(profile.type) ? [] : [profile.type];
  const ofPod = bad(pod.spec.securityContext?.appArmorProfile);
  const names = namesWhere(
    pod,
    ({ securityContext }) => bad(securityContext?.appArmorProfile).length > 0,
  );
  const ofContainers = containersOf(pod).flatMap(({ securityContext }) =>
    bad(securityContext?.appArmorProfile),
  );
  const annotations = Object.entries(pod.metadata?.annotations ?? {})
    .filter(([key, value]) => key.startsWith(APPARMOR_ANNOTATION) && !isAllowedAnnotation(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .toSorted();
  const setters = [
    settersText(ofPod.length > 0, names),
    annotations.length === 0 ? '' : plural('annotation', 'annotations', annotations.length),
  ].filter((text) => text !== '');
  if (setters.length === 0) return undefined;
  const values = [...sortedSet([...ofPod, ...ofContainers]), ...annotations];
  return {
    reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', values.length),
    detail: `${setters.join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  };
}

export const APPARMOR_PROFILE: Check = {
  id: 'appArmorProfile',
  level: 'baseline',
  versions: [{ from: 0, look: appArmor }],
};

const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

/** `types`: those that may be set. */
const seLinux =
  (types: readonly string[]) =>
  (pod: CheckedPod): Finding | undefined => {
    const isBad = (options: SELinuxOptions | undefined): options is SELinuxOptions =>
      options !== undefined &&
      (!types.includes(options.type ?? '') ||
        (options.user ?? '') !== '' ||
        (options.role ?? '') !== '');
    const ofPod = pod.spec.securityContext?.seLinuxOptions;
    const names = namesWhere(pod, ({ securityContext }) => isBad(securityContext?.seLinuxOptions));
    const setters = settersText(isBad(ofPod), names);
    if (setters === '') return undefined;
    const all = [
      ofPod,
      ...containersOf(pod).map(({ securityContext }) => securityContext?.seLinuxOptions),
    ];
    const badTypes = sortedSet(
      all.map((options) => options?.type ?? '').filter((type) => !types.includes(type)),
    );
    const faults = [
      badTypes.length === 0
        ? ''
        : `${plural('type', 'types', badTypes.length)} ${quoted(badTypes)}`,
      all.some((options) => (options?.user ?? '') !== '') ? 'user may not be set' : '',
      all.some((options) => (options?.role ?? '') !== '') ? 'role may not be set' : '',
    ].filter((text) => text !== '');
    return {
      reason: 'seLinuxOptions',
      detail: `${setters} set forbidden securityContext.seLinuxOptions: ${faults.join('; ')}`,
    };
  };

export const SELINUX_OPTIONS: Check = {
  id: 'seLinuxOptions',
  level: 'baseline',
  versions: [
    { from: 0, look: seLinux(SELINUX_TYPES) },
    { from: 31, look: seLinux([...SELINUX_TYPES, 'container_engine_t']) },
  ],
};
