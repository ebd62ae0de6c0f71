/**
 * Which Pods stand behind a Service, and at which ports: what EndpointSlices and Endpoints share.
 *
 * Upstream: staging/src/k8s.io/endpointslice/util/controller_utils.go, v1.36.
 */
import { isPodReady, isPodTerminal, isSidecar } from '#api/core/pod-helpers.ts';
import { SERVICE } from '#api/core/service.ts';
import type { Pod, Service, ServicePort } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { matchesMap } from '#api/meta/labels.ts';
import { type Change, type Informer, keyOf } from '#client/informer.ts';
import type { Caches } from '#reconcile/controller.ts';

/** The Services that a change of a Pod concerns: those that selected it, and those that do now. */
export function servicesOfPod(change: Change<Pod>, { informer }: Caches<Service>): string[] {
  const services = informer(SERVICE);
  const { object, previous } = change;
  if (change.type !== 'modified' || previous === undefined) return selecting(services, object);
  const before = view(previous);
  const after = view(object);
  if (equalValues(before, after)) {
    if (equalValues(previous.metadata?.labels, object.metadata?.labels)) return [];
    // The same Pod under other labels concerns those who gain it and those who lose it.
    const old = new Set(selecting(services, previous));
    const now = new Set(selecting(services, object));
    return [...old.symmetricDifference(now)];
  }
  return [...new Set([...selecting(services, previous), ...selecting(services, object)])];
}

/** What of a Pod endpoints show. */
function view(pod: Pod): unknown {
  return [
    pod.metadata?.uid,
    pod.metadata?.deletionTimestamp,
    pod.status?.podIP,
    pod.status?.podIPs,
    isPodReady(pod),
    isPodTerminal(pod),
    pod.spec?.nodeName,
    pod.spec?.hostname,
    pod.spec?.subdomain,
  ];
}

function selecting(services: Informer<Service>, pod: Pod): string[] {
  const { namespace, labels } = pod.metadata ?? {};
  return services
    .list(namespace)
    .filter((service) => hasEndpoints(service) && matchesMap(service.spec?.selector, labels))
    .map(keyOf);
}

/** Whether a controller keeps the endpoints of this Service; those without selector are the user's. */
export function hasEndpoints({ spec }: Service): boolean {
  return spec?.type !== 'ExternalName' && spec?.selector !== undefined;
}

export function podsOf(service: Service, pods: Informer<Pod>): Pod[] {
  return pods
    .list(service.metadata?.namespace)
    .filter((pod) => matchesMap(service.spec?.selector, pod.metadata?.labels))
    .sort((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1));
}

/** Has an address, and has not finished. */
export function isEndpoint(pod: Pod, includeTerminating: boolean): boolean {
  if (isPodTerminal(pod)) return false;
  if ((pod.status?.podIP ?? '') === '' && (pod.status?.podIPs ?? []).length === 0) return false;
  return includeTerminating || pod.metadata?.deletionTimestamp === undefined;
}

/** Pods that say so get a name of their own in DNS, below the Service of the same name. */
export function hasHostname(pod: Pod, service: Service): boolean {
  return (
    (pod.spec?.hostname ?? '') !== '' &&
    pod.spec?.subdomain === service.metadata?.name &&
    pod.metadata?.namespace === service.metadata?.namespace
  );
}

export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIP === 'None' || (spec?.clusterIP ?? '') === '';
}

/** The number behind a Service's port in this Pod; undefined when the Pod has no port of that name. */
export function targetPortOf(
  pod: Pod,
  { targetPort, port, protocol = 'TCP' }: ServicePort,
): number | undefined {
  if (targetPort === undefined) return port;
  if (typeof targetPort === 'number') return targetPort === 0 ? port : targetPort;
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar);
  return [...(pod.spec?.containers ?? []), ...sidecars]
    .flatMap((container) => container.ports ?? [])
    .find((named) => named.name === targetPort && (named.protocol ?? 'TCP') === protocol)
    ?.containerPort;
}
