/**
 * Values that the server once filled in and that an update leaves out: they stay, so that the same
 * manifest can be sent again.
 *
 * Source: upstream pkg/registry/core/service/storage/storage.go (patchAllocatedValues).
 */
import { needsClusterIp, needsHealthCheckPort } from '#api/core/service-types.ts';
import type { ServicePort, ServiceSpec } from '#api/gen/core-v1.ts';

export function keepAllocated(next: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(old) && needsClusterIp(next)) {
    if (!next.clusterIP && old.clusterIP) next.clusterIP = old.clusterIP;
    if ((next.clusterIPs ?? []).length === 0 && old.clusterIPs !== undefined)
      next.clusterIPs = [...old.clusterIPs];
  }
  if (getsNodePorts(old) && getsNodePorts(next)) keepNodePorts(next, old);
  if (needsHealthCheckPort(old) && needsHealthCheckPort(next) && !next.healthCheckNodePort) {
    if (old.healthCheckNodePort !== undefined) next.healthCheckNodePort = old.healthCheckNodePort;
  }
}

/** The server fills node ports in. */
export function getsNodePorts({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean {
  return (
    type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false)
  );
}

/** By the name of the port, unless another port asks for the number. */
function keepNodePorts(next: ServiceSpec, old: ServiceSpec): void {
  const asked = new Set((next.ports ?? []).map(({ nodePort = 0 }) => nodePort));
  const byName = new Map((old.ports ?? []).map(({ name = '', nodePort = 0 }) => [name, nodePort]));
  for (const port of next.ports ?? []) {
    const kept = byName.get(port.name ?? '') ?? 0;
    if (!port.nodePort && kept !== 0 && !asked.has(kept)) port.nodePort = kept;
  }
}

/** The node port that any entry for the same service port asks for; 0 for none. */
export function requestedFor(ports: readonly ServicePort[], port: number): number {
  return ports.find((candidate) => candidate.port === port && candidate.nodePort)?.nodePort ?? 0;
}
