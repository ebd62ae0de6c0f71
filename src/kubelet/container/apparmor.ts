/**
 * The AppArmor profile of a container: its own, by annotation of old, or the pod's. Pure.
 *
 * Source: API reference v1.36, AppArmorProfile; KEP-24. Upstream: pkg/security/apparmor/helpers.go,
 * pkg/kubelet/kuberuntime/helpers.go (getAppArmorProfile), v1.36.
 */
import type { LinuxContainerSecurityContext } from '#api/gen/cri-v1.ts';
import type { AppArmorProfile, Container, Pod } from '#api/gen/core-v1.ts';
import { SECURITY_PROFILE } from '../cri/enums.ts';

/** With the name of the container behind it. */
const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const LOCALHOST = 'localhost/';

type Profile = Pick<LinuxContainerSecurityContext, 'apparmor' | 'apparmorProfile'>;

/** For the runtime, also as it was said in old versions of CRI. Throws an Error for an odd one. */
export function appArmorFor(pod: Pod, container: Container): Profile {
  const profile = profileOf(pod, container);
  if (profile === undefined) return {};
  const { type, localhostProfile: name } = profile;
  switch (type) {
    case 'RuntimeDefault':
      return {
        apparmor: { profileType: SECURITY_PROFILE.runtimeDefault },
        apparmorProfile: 'runtime/default',
      };
    case 'Unconfined':
      return {
        apparmor: { profileType: SECURITY_PROFILE.unconfined },
        apparmorProfile: 'unconfined',
      };
    case 'Localhost':
      if (name === undefined) throw new Error('missing localhost apparmor profile name');
      return {
        apparmor: { profileType: SECURITY_PROFILE.localhost, localhostRef: name },
        apparmorProfile: `${LOCALHOST}${name}`,
      };
    default:
      throw new Error(`unknown apparmor profile type: ${JSON.stringify(type)}`);
  }
}

/** Whether any container is to be confined by AppArmor, in words that ask for it. */
export function asksForAppArmor(pod: Pod): boolean {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  return [...initContainers, ...containers, ...ephemeralContainers].some((container) => {
    const profile = profileOf(pod, container);
    return profile !== undefined && profile.type !== 'Unconfined';
  });
}

/** Static pods may say it by annotations alone: those of others became fields. */
function profileOf(pod: Pod, container: Container): AppArmorProfile | undefined {
  return (
    container.securityContext?.appArmorProfile ??
    ofAnnotation(pod.metadata?.annotations?.[`${ANNOTATION}${container.name}`]) ??
    pod.spec?.securityContext?.appArmorProfile
  );
}

function ofAnnotation(text = ''): AppArmorProfile | undefined {
  if (text === 'runtime/default') return { type: 'RuntimeDefault' };
  if (text === 'unconfined') return { type: 'Unconfined' };
  if (!text.startsWith(LOCALHOST)) return undefined;
  return { type: 'Localhost', localhostProfile: text.slice(LOCALHOST.length) };
}
