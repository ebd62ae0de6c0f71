/**
 * As whom containers run: not as root, unless root is somebody else outside (user namespaces).
 *
 * Source: Kubernetes documentation, "Pod Security Standards": Running as Non-root, Running as
 * Non-root user; KEP-127 for pods with `hostUsers: false` from v1.35 on.
 */
import {
  type Check,
  type CheckedPod,
  containersText,
  type Finding,
  hasOwnUsers,
  namesWhere,
  settersText,
  unless,
} from '../check.ts';

function mayBeRoot(pod: CheckedPod): Finding | undefined {
  const ofPod = pod.spec.securityContext?.runAsNonRoot;
  const saying = namesWhere(pod, ({ securityContext }) => securityContext?.runAsNonRoot === false);
  const setters = settersText(ofPod === false, saying);
  const reason = 'runAsNonRoot != true';
  if (setters !== '')
    return { reason, detail: `${setters} must not set securityContext.runAsNonRoot=false` };
  if (ofPod === true) return undefined;
  const silent = namesWhere(
    pod,
    ({ securityContext }) => securityContext?.runAsNonRoot === undefined,
  );
  if (silent.length === 0) return undefined;
  return {
    reason,
    detail: `pod or ${containersText(silent)} must set securityContext.runAsNonRoot=true`,
  };
}

export const RUN_AS_NON_ROOT: Check = {
  id: 'runAsNonRoot',
  level: 'restricted',
  versions: [
    { from: 0, look: mayBeRoot },
    { from: 35, look: unless(hasOwnUsers, mayBeRoot) },
  ],
};

function isRoot(pod: CheckedPod): Finding | undefined {
  const names = namesWhere(pod, ({ securityContext }) => securityContext?.runAsUser === 0);
  const setters = settersText(pod.spec.securityContext?.runAsUser === 0, names);
  if (setters === '') return undefined;
  return { reason: 'runAsUser=0', detail: `${setters} must not set runAsUser=0` };
}

export const RUN_AS_USER: Check = {
  id: 'runAsUser',
  level: 'restricted',
  versions: [
    { from: 23, look: isRoot },
    { from: 35, look: unless(hasOwnUsers, isRoot) },
  ],
};
