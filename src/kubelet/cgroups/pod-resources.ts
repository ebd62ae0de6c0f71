/**
 * What a whole pod asks for and may use, from its containers.
 *
 * Source: Kubernetes documentation "Resource Management for Pods and Containers" v1.36, KEP-753
 * (sidecars), KEP-2837 (pod level). Upstream:
 * staging/src/k8s.io/component-helpers/resource/helpers.go.
 */
import { addQuantity, compareQuantity } from '#api/codec/quantity.ts';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { isSidecar } from '../pod/restart-policy.ts';

export type ResourceList = Record<string, string>;
type Which = 'requests' | 'limits';

export function podRequests(pod: Pod): ResourceList {
  return total(pod, 'requests');
}

export function podLimits(pod: Pod): ResourceList {
  return total(pod, 'limits');
}

/** Whether every container (or the pod itself) has a limit for this resource. */
export function hasLimitEverywhere(pod: Pod, name: string): boolean {
  const isSet = (limit: string | undefined): boolean =>
    limit !== undefined && compareQuantity(limit, '0') > 0;
  if (isSet(pod.spec?.resources?.limits?.[name])) return true;
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return containers.every((container) => isSet(container.resources?.limits?.[name]));
}

/**
 * Regular containers and sidecars run together; each init container runs beside the sidecars
 * that started before it. The larger of the two counts, plus the overhead of the runtime.
 */
function total(pod: Pod, which: Which): ResourceList {
  let together: ResourceList = {};
  let largestInit: ResourceList = {};
  let sidecars: ResourceList = {};
  for (const container of pod.spec?.initContainers ?? []) {
    if (isSidecar(container)) sidecars = addResources(sidecars, own(container, which));
    const now = isSidecar(container) ? sidecars : addResources(sidecars, own(container, which));
    largestInit = maxResources(largestInit, now);
  }
  for (const container of pod.spec?.containers ?? []) {
    together = addResources(together, own(container, which));
  }
  const needed = maxResources(addResources(together, sidecars), largestInit);
  const result = { ...needed, ...pod.spec?.resources?.[which] };
  const { overhead } = pod.spec ?? {};
  if (overhead === undefined) return result;
  // Overhead widens a limit that is there; it does not make one.
  const applicable = Object.entries(overhead).filter(
    ([name]) => which === 'requests' || result[name] !== undefined,
  );
  return addResources(result, Object.fromEntries(applicable));
}

function own(container: Container, which: Which): ResourceList {
  return container.resources?.[which] ?? {};
}

export function addResources(a: ResourceList, b: ResourceList): ResourceList {
  const sum = { ...a };
  for (const [name, quantity] of Object.entries(b)) {
    const known = sum[name];
    sum[name] = known === undefined ? quantity : addQuantity(known, quantity);
  }
  return sum;
}

function maxResources(a: ResourceList, b: ResourceList): ResourceList {
  const largest = { ...a };
  for (const [name, quantity] of Object.entries(b)) {
    const known = largest[name];
    if (known === undefined || compareQuantity(quantity, known) > 0) largest[name] = quantity;
  }
  return largest;
}
