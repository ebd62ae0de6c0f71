/** The API server's road to kubelets: HTTPS to the address that the Node reports. */
import type { Handler } from '#base/http/message.ts';
import type { Node } from '#api/gen/core-v1.ts';
import type { KubeletConnector } from '#apiserver/subresources/kubelet.ts';
import { kubeletLocation } from '#apiserver/subresources/kubelet-location.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import type { KeyPair } from './pki.ts';

const CLIENTS_MAX = 1_000;

export function kubeletConnector(options: {
  authority: string;
  identity: KeyPair;
}): KubeletConnector {
  const clients = new Map<string, HttpClient>();
  return {
    to(node: Node): Handler {
      const { host, port } = kubeletLocation(node);
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

function closeOldest(clients: Map<string, HttpClient>): void {
  const oldest = clients.entries().next().value;
  if (oldest === undefined) return;
  oldest[1].close();
  clients.delete(oldest[0]);
}
