/** NodePorts: a host port is given once on each address. */
import type { HostPort, Plugin } from '../framework.ts';

const ANY = '0.0.0.0';

/** Whether `wanted` is in use: 0.0.0.0 and a single address exclude each other. */
function conflicts(used: ReadonlySet<string>, wanted: HostPort): boolean {
  if (used.has(`${wanted.protocol}/${ANY}/${wanted.port}`)) return true;
  if (wanted.ip !== ANY) return used.has(`${wanted.protocol}/${wanted.ip}/${wanted.port}`);
  for (const key of used) {
    if (key.startsWith(`${wanted.protocol}/`) && key.endsWith(`/${wanted.port}`)) return true;
  }
  return false;
}

export const nodePorts: Plugin = {
  name: 'NodePorts',
  filter(pod, node) {
    if (!pod.ports.some((port) => conflicts(node.ports, port))) return undefined;
    return {
      plugin: 'NodePorts',
      reasons: ["node(s) didn't have free ports for the requested pod ports"],
      unresolvable: false,
    };
  },
};
