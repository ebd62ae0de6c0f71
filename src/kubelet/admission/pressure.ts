/**
 * Pods that a node under pressure does not take. Pure.
 *
 * Upstream: pkg/kubelet/eviction/eviction_manager.go (Admit), v1.36.
 */
import { podQosClass } from '#api/core/qos.ts';
import { isTolerated } from '#api/core/taints.ts';
import type { Pod, Taint } from '#api/gen/core-v1.ts';
import { isCriticalPod } from './critical-pod.ts';
import type { Rejection } from './rejection.ts';

const MEMORY_TAINT: Taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };

/** `conditions`: those of pressure that hold. Undefined: the node takes the pod. */
export function pressureRejection(
  pod: Pod,
  conditions: ReadonlySet<string>,
): Rejection | undefined {
  if (conditions.size === 0 || isCriticalPod(pod)) return undefined;
  if (conditions.size === 1 && conditions.has('MemoryPressure')) {
    if (podQosClass(pod) !== 'BestEffort') return undefined;
    if (isTolerated(pod.spec?.tolerations, MEMORY_TAINT)) return undefined;
  }
  const list = [...conditions].join(' ');
  return { reason: 'Evicted', message: `The node had condition: [${list}]. ` };
}
