/**
 * Seccomp: profiles that let system calls through that the runtime's would not.
 *
 * Source: Kubernetes documentation, "Pod Security Standards": Seccomp.
 */
import {
  type Check,
  type CheckedPod,
  containersOf,
  containersText,
  type Finding,
  isForWindows,
  namesWhere,
  plural,
  quoted,
  settersText,
  sortedSet,
  unless,
} from '../check.ts';

const POD_ANNOTATION = 'seccomp.security.alpha.kubernetes.io/pod';
const CONTAINER_ANNOTATION = 'container.seccomp.security.alpha.kubernetes.io/';
const TYPES: ReadonlySet<string> = new Set(['RuntimeDefault', 'Localhost']);

function isAllowedAnnotation(value: string): boolean {
  return ['runtime/default', 'docker/default'].includes(value) || value.startsWith('localhost/');
}

/** Before v1.19 there were annotations and no fields. */
function annotations(pod: CheckedPod): Finding | undefined {
  const given = pod.metadata?.annotations ?? {};
  const keys = [
    POD_ANNOTATION,
    ...containersOf(pod).map(({ name }) => `${CONTAINER_ANNOTATION}${name}`),
  ];
  const bad = sortedSet(
    keys
      .filter((key) => given[key] !== undefined && !isAllowedAnnotation(given[key]))
      .map((key) => `${key}=${JSON.stringify(given[key])}`),
  );
  if (bad.length === 0) return undefined;
  return {
    reason: 'seccompProfile',
    detail: `forbidden ${plural('annotation', 'annotations', bad.length)} ${bad.join(', ')}`,
  };
}

type Profile = { readonly type: string } | undefined;

const isBad = (profile: Profile): boolean => profile !== undefined && !TYPES.has(profile.type);

/** Profiles that are set, and not allowed. */
function badFields(pod: CheckedPod): Finding | undefined {
  const ofPod = pod.spec.securityContext?.seccompProfile;
  const names = namesWhere(pod, ({ securityContext }) => isBad(securityContext?.seccompProfile));
  const setters = settersText(isBad(ofPod), names);
  if (setters === '') return undefined;
  const all = [
    ofPod,
    ...containersOf(pod).map(({ securityContext }) => securityContext?.seccompProfile),
  ];
  const values = sortedSet(all.filter(isBad).map((profile) => profile?.type ?? ''));
  return {
    reason: 'seccompProfile',
    detail: `${setters} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
  };
}

function badOrMissing(pod: CheckedPod): Finding | undefined {
  const bad = badFields(pod);
  if (bad !== undefined || pod.spec.securityContext?.seccompProfile !== undefined) return bad;
  const names = namesWhere(
    pod,
    ({ securityContext }) => securityContext?.seccompProfile === undefined,
  );
  if (names.length === 0) return undefined;
  return {
    reason: 'seccompProfile',
    detail: `pod or ${containersText(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
}

export const SECCOMP_BASELINE: Check = {
  id: 'seccompProfile_baseline',
  level: 'baseline',
  versions: [
    { from: 0, look: annotations },
    { from: 19, look: badFields },
  ],
};

const OVERRIDDEN = [SECCOMP_BASELINE.id];

export const SECCOMP_RESTRICTED: Check = {
  id: 'seccompProfile_restricted',
  level: 'restricted',
  versions: [
    { from: 19, look: badOrMissing, overrides: OVERRIDDEN },
    { from: 25, look: unless(isForWindows, badOrMissing), overrides: OVERRIDDEN },
  ],
};
