/**
 * Pods that the node needs to work: they are let in under pressure, and never evicted.
 *
 * Upstream: pkg/kubelet/types/pod_update.go (IsCriticalPod, Preemptable), v1.36.
 */
import { isMirrorPod } from '#api/core/pod-references.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { isStaticPod } from '../static/static-pod.ts';

/** Of `system-cluster-critical`; `system-node-critical` is above. */
export const SYSTEM_CRITICAL_PRIORITY = 2_000_000_000;

/** Static pods, their mirrors, and pods of a critical priority. */
export function isCriticalPod(pod: Pod): boolean {
  if (isStaticPod(pod) || isMirrorPod(pod)) return true;
  return (pod.spec?.priority ?? 0) >= SYSTEM_CRITICAL_PRIORITY;
}
