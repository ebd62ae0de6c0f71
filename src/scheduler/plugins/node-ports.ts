/**
 * NodePorts: a host port is given once on each address.
 *
 * Upstream: pkg/scheduler/framework/plugins/nodeports/node_ports.go, v1.36.
 */
import { ANY_HOST_IP, type HostPort, hostPorts, hostPortsOverlap } from '#api/core/host-ports.ts';
import { hasPlace, podsOf } from '../cluster-events.ts';
import type { Plugin, Verdict } from '../framework.ts';

const IN_USE: Verdict = {
  plugin: 'NodePorts',
  kind: 'Unschedulable',
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
};

/** Whether `wanted` is in use: 0.0.0.0 and a single address exclude each other. */
function conflicts(used: ReadonlyMap<string, number>, wanted: HostPort): boolean {
  if (used.has(`${wanted.protocol}/${ANY_HOST_IP}/${wanted.port}`)) return true;
  if (wanted.ip !== ANY_HOST_IP) return used.has(`${wanted.protocol}/${wanted.ip}/${wanted.port}`);
  for (const key of used.keys()) {
    if (key.startsWith(`${wanted.protocol}/`) && key.endsWith(`/${wanted.port}`)) return true;
  }
  return false;
}

export const nodePorts: Plugin = {
  name: 'NodePorts',
  preFilter({ ports }) {
    if (ports.length === 0) return undefined;
    const filter = {
      isLocal: true,
      check: (node: { readonly ports: ReadonlyMap<string, number> }) =>
        node.ports.size > 0 && ports.some((port) => conflicts(node.ports, port))
          ? IN_USE
          : undefined,
    };
    return { filter };
  },
  hints: [
    {
      resource: 'Pod',
      actions: ['Delete'],
      helps({ ports }, event) {
        const gone = podsOf(event).before;
        if (gone === undefined || !hasPlace(gone)) return false;
        return hostPorts(gone).some((free) =>
          ports.some((wanted) => hostPortsOverlap(free, wanted)),
        );
      },
    },
    { resource: 'Node', actions: ['Add'] },
  ],
};
