/**
 * The quality of service class of a pod, and what the kernel is told of it for out-of-memory.
 *
 * Source: Kubernetes documentation "Pod Quality of Service Classes" v1.36, KEP-2837. Upstream:
 * pkg/apis/core/v1/helper/qos/qos.go, pkg/kubelet/qos/policy.go.
 */
import { compareQuantity, quantityValue } from '#api/codec/quantity.ts';
import type { Container, Pod, PodQOSClass, ResourceRequirements } from '#api/gen/core-v1.ts';
import { isSidecar } from '../pod/restart-policy.ts';
import { addResources, type ResourceList } from './pod-resources.ts';

const COMPUTE = ['cpu', 'memory'] as const;

export function podQosClass(pod: Pod): PodQOSClass {
  const { spec } = pod;
  const declared: ResourceRequirements[] =
    spec?.resources !== undefined
      ? [spec.resources]
      : [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(
          ({ resources }) => resources ?? {},
        );
  let requests: ResourceList = {};
  let limits: ResourceList = {};
  let limited = true;
  for (const resources of declared) {
    requests = addResources(requests, positive(resources.requests));
    const own = positive(resources.limits);
    limits = addResources(limits, own);
    limited &&= COMPUTE.every((name) => own[name] !== undefined);
  }
  if (Object.keys(requests).length === 0 && Object.keys(limits).length === 0) return 'BestEffort';
  return limited && agree(requests, limits) ? 'Guaranteed' : 'Burstable';
}

function positive(list: ResourceList | undefined): ResourceList {
  const found: ResourceList = {};
  for (const name of COMPUTE) {
    const quantity = list?.[name];
    if (quantity !== undefined && compareQuantity(quantity, '0') > 0) found[name] = quantity;
  }
  return found;
}

function agree(requests: ResourceList, limits: ResourceList): boolean {
  if (Object.keys(requests).length !== Object.keys(limits).length) return false;
  return Object.entries(requests).every(([name, request]) => {
    const limit = limits[name];
    return limit !== undefined && compareQuantity(limit, request) === 0;
  });
}

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
  let score = burstableScore(container, memoryCapacity);
  if (isSidecar(container)) {
    // A sidecar outlives the containers it serves.
    const regular = (pod.spec?.containers ?? []).map((one) => burstableScore(one, memoryCapacity));
    score = Math.min(score, Math.max(...regular));
  }
  const lowest = 1000 + GUARANTEED_OOM_SCORE;
  return Math.max(lowest, Math.min(BEST_EFFORT_OOM_SCORE - 1, score));
}

function burstableScore(container: Container, memoryCapacity: number): number {
  const request = quantityValue(container.resources?.requests?.['memory'] ?? '0');
  return 1000 - Math.trunc((1000 * request) / memoryCapacity);
}
