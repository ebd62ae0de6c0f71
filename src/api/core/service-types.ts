/**
 * What the type of a Service means for its other fields, and what is wiped when the type changes.
 *
 * Source: upstream pkg/registry/core/service/strategy.go (dropTypeDependentFields). A field that
 * the server may have filled in is wiped when the new type has no use for it and the client did
 * not change it in the same request; if it did, validation refuses it.
 */
import type { Service, ServiceSpec } from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';

/** Traffic may come from outside the cluster. */
export function isExternallyAccessible({ spec }: Service): boolean {
  if (spec?.type === 'LoadBalancer' || spec?.type === 'NodePort') return true;
  return spec?.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0;
}

export const needsClusterIp = (spec: ServiceSpec | undefined): boolean =>
  spec?.type !== 'ExternalName';

export const needsNodePort = (spec: ServiceSpec | undefined): boolean =>
  spec?.type === 'NodePort' || spec?.type === 'LoadBalancer';

export const needsHealthCheckPort = (spec: ServiceSpec | undefined): boolean =>
  spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

const nodePorts = (spec: ServiceSpec): number[] =>
  (spec.ports ?? []).map(({ nodePort }) => nodePort ?? 0).filter((port) => port !== 0);

function wipe(next: ServiceSpec, old: ServiceSpec, fields: readonly (keyof ServiceSpec)[]): void {
  for (const field of fields) if (equalValues(next[field], old[field])) delete next[field];
}

function wipeClusterIps(next: ServiceSpec, old: ServiceSpec): void {
  if (!needsClusterIp(old) || needsClusterIp(next)) return;
  if (equalValues(next.clusterIP, old.clusterIP) && equalValues(next.clusterIPs, old.clusterIPs)) {
    delete next.clusterIP;
    delete next.clusterIPs;
  }
  wipe(next, old, ['ipFamilies', 'ipFamilyPolicy']);
}

export function wipeFieldsOfOldType(service: Service, stored: Service): void {
  const next = service.spec;
  const old = stored.spec;
  if (next === undefined || old === undefined) return;
  wipeClusterIps(next, old);
  const before = nodePorts(old);
  if (
    needsNodePort(old) &&
    !needsNodePort(next) &&
    nodePorts(next).every((port) => before.includes(port))
  ) {
    for (const port of next.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(next))
    wipe(next, old, ['healthCheckNodePort']);
  if (old.type === 'LoadBalancer' && next.type !== 'LoadBalancer') {
    wipe(next, old, ['allocateLoadBalancerNodePorts', 'loadBalancerClass']);
  }
  if (isExternallyAccessible(stored) && !isExternallyAccessible(service))
    wipe(next, old, ['externalTrafficPolicy']);
  if (next.type !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} };
}
