/**
 * What the kernel is told of a container for when memory runs out.
 *
 * Source: Kubernetes documentation "Pod Quality of Service Classes" v1.36; KEP-2837, OOM Score
 * Adjustment. Upstream: pkg/kubelet/qos/policy.go, helpers.go.
 */
import { quantityValue } from '#api/codec/quantity.ts';
import { isSidecar } from '#api/core/pod-helpers.ts';
import { podQosClass } from '#api/core/qos.ts';
import { aggregateContainerRequests } from '#api/core/resources.ts';
import type { Container, Pod, ResourceRequirements } from '#api/gen/core-v1.ts';

const GUARANTEED_OOM_SCORE = -997;
const BEST_EFFORT_OOM_SCORE = 1000;
/** `system-node-critical`: never killed before others. */
const NODE_CRITICAL_PRIORITY = 2_000_001_000;

/** oom_score_adj of a container's processes: who asks for less is killed earlier. */
export function oomScoreAdjust(pod: Pod, container: Container, memoryCapacity: number): number {
  if ((pod.spec?.priority ?? 0) >= NODE_CRITICAL_PRIORITY) return GUARANTEED_OOM_SCORE;
  const qos = podQosClass(pod);
  if (qos === 'Guaranteed') return GUARANTEED_OOM_SCORE;
  if (qos === 'BestEffort') return BEST_EFFORT_OOM_SCORE;
  const share = shareOfPodRequest(pod);
  const burstableScore = (one: Container): number =>
    1000 - Math.trunc((1000 * (memoryRequest(one.resources) + share)) / memoryCapacity);
  let score = burstableScore(container);
  if (isSidecar(container)) {
    // A sidecar outlives the containers it serves.
    const regular = (pod.spec?.containers ?? []).map(burstableScore);
    score = Math.min(score, Math.max(...regular));
  }
  const lowest = 1000 + GUARANTEED_OOM_SCORE;
  return Math.max(lowest, Math.min(BEST_EFFORT_OOM_SCORE - 1, score));
}

/** What the pod as a whole asks for beyond its containers, in equal parts for all of them; bytes. */
function shareOfPodRequest(pod: Pod): number {
  const { resources, containers = [], initContainers = [] } = pod.spec ?? {};
  const whole = memoryRequest(resources);
  if (whole === 0) return 0;
  const ofContainers = quantityValue(aggregateContainerRequests(pod)['memory'] ?? '0');
  return Math.trunc((whole - ofContainers) / (containers.length + initContainers.length));
}

function memoryRequest(resources: ResourceRequirements | undefined): number {
  return quantityValue(resources?.requests?.['memory'] ?? '0');
}
