/**
 * Ports of the node that pods ask for.
 *
 * Source: API reference v1.36, ContainerPort; upstream pkg/scheduler/util/utils.go (GetHostPorts).
 */
import type { Pod } from '../gen/core-v1.ts';
import { isSidecar } from './pod-helpers.ts';

/** All addresses of the node. */
export const ANY_HOST_IP = '0.0.0.0';

export interface HostPort {
  /** `0.0.0.0`: all addresses of the node. */
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** Those of containers and sidecars: an init container has its ports for a while only. */
export function hostPorts(pod: Pod): HostPort[] {
  const containers = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []).filter(isSidecar),
  ];
  return containers.flatMap(({ ports }) =>
    (ports ?? [])
      .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
      .map(({ hostIP, protocol, hostPort }) => ({
        ip: hostIP || ANY_HOST_IP,
        protocol: protocol ?? 'TCP',
        port: hostPort ?? 0,
      })),
  );
}

/** Two that cannot be held at once: all addresses and a single one exclude each other. */
export function hostPortsOverlap(left: HostPort, right: HostPort): boolean {
  if (left.protocol !== right.protocol || left.port !== right.port) return false;
  return left.ip === ANY_HOST_IP || right.ip === ANY_HOST_IP || left.ip === right.ip;
}
