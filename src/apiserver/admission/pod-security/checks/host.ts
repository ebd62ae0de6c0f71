/**
 * What of the node a pod may not have: its namespaces, its ports, its directories, and probes and
 * hooks that speak to other hosts.
 *
 * Source: Kubernetes documentation, "Pod Security Standards": Host Namespaces, Host Ports, HostPath
 * Volumes, Host Probes / Lifecycle Hooks.
 */
import type { LifecycleHandler, Probe } from '#api/gen/core-v1.ts';
import {
  type AnyContainer,
  type Check,
  containersOf,
  containersText,
  namesWhere,
  plural,
  quoted,
  sortedSet,
} from '../check.ts';

const NAMESPACES = ['hostNetwork', 'hostPID', 'hostIPC'] as const;

export const HOST_NAMESPACES: Check = {
  id: 'hostNamespaces',
  level: 'baseline',
  versions: [
    {
      from: 0,
      look({ spec }) {
        const shared = NAMESPACES.filter((name) => spec[name] === true);
        if (shared.length === 0) return undefined;
        return {
          reason: 'host namespaces',
          detail: shared.map((name) => `${name}=true`).join(', '),
        };
      },
    },
  ],
};

export const HOST_PATH_VOLUMES: Check = {
  id: 'hostPathVolumes',
  level: 'baseline',
  versions: [
    {
      from: 0,
      look({ spec }) {
        const names = (spec.volumes ?? [])
          .filter(({ hostPath }) => hostPath !== undefined)
          .map(({ name }) => name);
        if (names.length === 0) return undefined;
        return {
          reason: 'hostPath volumes',
          detail: `${plural('volume', 'volumes', names.length)} ${quoted(names)}`,
        };
      },
    },
  ],
};

const hostPortsOf = ({ ports = [] }: AnyContainer): number[] =>
  ports.map(({ hostPort = 0 }) => hostPort).filter((port) => port !== 0);

export const HOST_PORTS: Check = {
  id: 'hostPorts',
  level: 'baseline',
  versions: [
    {
      from: 0,
      look(pod) {
        const names = namesWhere(pod, (container) => hostPortsOf(container).length > 0);
        if (names.length === 0) return undefined;
        const ports = sortedSet(containersOf(pod).flatMap(hostPortsOf).map(String));
        return {
          reason: 'hostPort',
          detail: `${containersText(names)} ${plural('uses', 'use', names.length)} ${plural('hostPort', 'hostPorts', ports.length)} ${ports.join(', ')}`,
        };
      },
    },
  ],
};

type Call = Pick<Probe & LifecycleHandler, 'httpGet' | 'tcpSocket'>;

/** Other hosts than the pod itself that the kubelet is told to call. */
function hostsOf({ lifecycle, ...probes }: AnyContainer): string[] {
  const calls: readonly (Call | undefined)[] = [
    probes.livenessProbe,
    probes.readinessProbe,
    probes.startupProbe,
    lifecycle?.postStart,
    lifecycle?.preStop,
  ];
  return calls
    .flatMap((call) => [call?.httpGet?.host ?? '', call?.tcpSocket?.host ?? ''])
    .filter((host) => host !== '');
}

export const HOST_PROBES: Check = {
  id: 'hostProbesAndHostLifecycle',
  level: 'baseline',
  versions: [
    {
      from: 34,
      look(pod) {
        const names = sortedSet(namesWhere(pod, (container) => hostsOf(container).length > 0));
        if (names.length === 0) return undefined;
        const hosts = sortedSet(containersOf(pod).flatMap(hostsOf));
        return {
          reason: 'probe or lifecycle host',
          detail: `${containersText(names)} ${plural('uses', 'use', names.length)} ${plural('probe or lifecycle host', 'probe or lifecycle hosts', hosts.length)} ${quoted(hosts)}`,
        };
      },
    },
  ],
};
