/**
 * The quality of service class of a pod.
 *
 * Source: Kubernetes documentation "Pod Quality of Service Classes" v1.36, KEP-2837; upstream
 * pkg/apis/core/helper/qos/qos.go.
 */
import type { Pod, PodQOSClass } from '#api/gen/core-v1.ts';
import { compareQuantity } from '../codec/quantity.ts';
import { addResources, isPositive, type ResourceList } from './resources.ts';

const QOS_RESOURCES = ['cpu', 'memory'];

function positive(list: ResourceList | undefined): ResourceList {
  const entries = Object.entries(list ?? {});
  return Object.fromEntries(
    entries.filter(([name, value]) => QOS_RESOURCES.includes(name) && isPositive(value)),
  );
}

/** Guaranteed, Burstable or BestEffort, from requests and limits of CPU and memory. */
export function podQosClass(pod: Pod): PodQOSClass {
  const { spec } = pod;
  const parts =
    spec?.resources === undefined
      ? [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(
          ({ resources }) => resources ?? {},
        )
      : [spec.resources];
  let requests: ResourceList = {};
  let limits: ResourceList = {};
  let limitsAll = true;
  for (const part of parts) {
    requests = addResources(requests, positive(part.requests));
    const partLimits = positive(part.limits);
    limits = addResources(limits, partLimits);
    if (Object.keys(partLimits).length < QOS_RESOURCES.length) limitsAll = false;
  }
  if (Object.keys(requests).length === 0 && Object.keys(limits).length === 0) return 'BestEffort';
  const equal =
    Object.keys(requests).length === Object.keys(limits).length &&
    Object.entries(requests).every(
      ([name, value]) => compareQuantity(limits[name] ?? '0', value) === 0,
    );
  return limitsAll && equal ? 'Guaranteed' : 'Burstable';
}
