/** The API server's road to kubelets: HTTPS to the address that the Node reports. */
import type { Handler } from '#base/http/message.ts';
import type { Node } from '#api/gen/core-v1.ts';
import { serviceUnavailable } from '#api/meta/status.ts';
import type { KubeletConnector } from '#apiserver/subresources/kubelet.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import type { KeyPair } from './pki.ts';

/** Upstream's --kubelet-preferred-address-types. */
const ADDRESS_TYPES = ['InternalIP', 'Hostname', 'ExternalIP'] as const;
const CLIENTS_MAX = 1_000;

export function kubeletConnector(options: {
  authority: string;
  identity: KeyPair;
}): KubeletConnector {
  const clients = new Map<string, HttpClient>();
  return {
    to(node: Node): Handler {
      const { host, port } = locationOf(node);
      const key = `${host}:${port}`;
      let client = clients.get(key);
      if (client === undefined) {
        if (clients.size >= CLIENTS_MAX) closeOldest(clients);
        client = httpClient({
          host,
          port,
          tls: {
            ca: options.authority,
            cert: options.identity.certificate,
            key: options.identity.key,
          },
        });
        clients.set(key, client);
      }
      return client.handler;
    },
  };
}

function locationOf(node: Node): { host: string; port: number } {
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

function closeOldest(clients: Map<string, HttpClient>): void {
  const oldest = clients.entries().next().value;
  if (oldest === undefined) return;
  oldest[1].close();
  clients.delete(oldest[0]);
}
