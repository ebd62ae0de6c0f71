/**
 * What a pod asks for, in numbers: cpu in millicores, the rest in their base unit.
 *
 * Source: Kubernetes documentation, "Resource Management for Pods and Containers"; upstream
 * pkg/scheduler/framework/types.go (CalculateResource).
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import { isSidecar } from '#api/core/pod-helpers.ts';
import { isPodLevelResource, podRequests, type ResourceList } from '#api/core/resources.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { HostPort, Resources } from './framework.ts';

/** What a container that asks for nothing counts when nodes are scored. */
const ASSUMED: ResourceList = { cpu: '100m', memory: '200Mi' };

export function resourcesOf(quantities: ResourceList): Map<string, number> {
  const result = new Map<string, number>();
  for (const [name, quantity] of Object.entries(quantities)) {
    result.set(name, name === 'cpu' ? quantityMilli(quantity) : quantityValue(quantity));
  }
  return result;
}

/** Requests of the whole pod, overhead included; the greater of old and new during a resize. */
export function requestsOf(pod: Pod): Resources {
  return resourcesOf(podRequests(pod, { useStatus: true }));
}

/** For scores: as if each container asked for something. */
export function nonZeroRequests(pod: Pod): { cpu: number; memory: number } {
  const total = podRequests(pod, { useStatus: true, missing: assumedFor(pod) });
  return {
    cpu: quantityMilli(total['cpu'] ?? '0'),
    memory: quantityValue(total['memory'] ?? '0'),
  };
}

/** Where the pod asks as a whole, only what it leaves open is assumed. */
function assumedFor(pod: Pod): ResourceList {
  const asked = Object.keys(pod.spec?.resources?.requests ?? {});
  if (!asked.some(isPodLevelResource)) return ASSUMED;
  const known = podRequests(pod, { useStatus: true });
  return Object.fromEntries(Object.entries(ASSUMED).filter(([name]) => known[name] === undefined));
}

export function hostPorts(pod: Pod): HostPort[] {
  const containers = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []).filter(isSidecar),
  ];
  return containers.flatMap(({ ports }) =>
    (ports ?? [])
      .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
      .map(({ hostIP, protocol, hostPort }) => ({
        ip: hostIP || '0.0.0.0',
        protocol: protocol ?? 'TCP',
        port: hostPort ?? 0,
      })),
  );
}
