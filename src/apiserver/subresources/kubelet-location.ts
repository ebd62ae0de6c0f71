/** Where the kubelet of a node listens, by what the Node reports. */
import type { Node } from '#api/gen/core-v1.ts';
import { serviceUnavailable } from '#api/meta/status.ts';

/** Upstream's --kubelet-preferred-address-types. */
const ADDRESS_TYPES = ['InternalIP', 'Hostname', 'ExternalIP'] as const;

/** Throws 503 when the Node has not reported it yet. */
export function kubeletLocation(node: Node): { readonly host: string; readonly port: number } {
  const addresses = node.status?.addresses ?? [];
  const found = ADDRESS_TYPES.flatMap((type) =>
    addresses.filter((address) => address.type === type),
  )[0];
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
  if (found === undefined || port === 0) {
    throw serviceUnavailable(
      `no preferred addresses found; known addresses: ${JSON.stringify(addresses)}`,
    );
  }
  return { host: found.address, port };
}
