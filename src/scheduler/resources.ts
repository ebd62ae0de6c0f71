/**
 * What a pod asks for, in numbers: cpu in millicores, the rest in their base unit.
 *
 * Source: Kubernetes documentation, "Resource Management for Pods and Containers"; upstream
 * staging/src/k8s.io/component-helpers/resource/helpers.go.
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import type { HostPort, Resources } from './framework.ts';

/** What a container that asks for nothing counts when nodes are scored. */
const DEFAULT_CPU_MILLI = 100;
const DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024;

type Quantities = Readonly<Record<string, string>>;

export function resourcesOf(quantities: Quantities): Map<string, number> {
  const result = new Map<string, number>();
  for (const [name, quantity] of Object.entries(quantities)) {
    result.set(name, name === 'cpu' ? quantityMilli(quantity) : quantityValue(quantity));
  }
  return result;
}

function addTo(total: Map<string, number>, amounts: Resources): void {
  for (const [name, amount] of amounts) total.set(name, (total.get(name) ?? 0) + amount);
}

function raiseTo(total: Map<string, number>, amounts: Resources): void {
  for (const [name, amount] of amounts) total.set(name, Math.max(total.get(name) ?? 0, amount));
}

type RequestsOf = (container: Container) => Resources;

const declared: RequestsOf = (container) => resourcesOf(container.resources?.requests ?? {});

function totalOf(pod: Pod, requestsOf: RequestsOf): Map<string, number> {
  const total = new Map<string, number>();
  for (const container of pod.spec?.containers ?? []) addTo(total, requestsOf(container));
  // Sidecars run on beside what comes after them; plain init containers run alone.
  const sidecars = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const container of pod.spec?.initContainers ?? []) {
    const requests = requestsOf(container);
    if (container.restartPolicy === 'Always') {
      addTo(sidecars, requests);
      raiseTo(peak, sidecars);
      continue;
    }
    const together = new Map(sidecars);
    addTo(together, requests);
    raiseTo(peak, together);
  }
  addTo(total, sidecars);
  raiseTo(total, peak);
  return total;
}

/** Requests of the whole pod: pod level where set, else by container, with overhead. */
export function podRequests(pod: Pod): Resources {
  const total = totalOf(pod, declared);
  for (const [name, amount] of resourcesOf(pod.spec?.resources?.requests ?? {}))
    total.set(name, amount);
  addTo(total, resourcesOf(pod.spec?.overhead ?? {}));
  return total;
}

export function nonZeroRequests(pod: Pod): { cpu: number; memory: number } {
  const total = totalOf(pod, (container) => {
    const requests = new Map(declared(container));
    if (!requests.has('cpu')) requests.set('cpu', DEFAULT_CPU_MILLI);
    if (!requests.has('memory')) requests.set('memory', DEFAULT_MEMORY_BYTES);
    return requests;
  });
  return { cpu: total.get('cpu') ?? 0, memory: total.get('memory') ?? 0 };
}

export function hostPorts(pod: Pod): HostPort[] {
  const containers = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
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
