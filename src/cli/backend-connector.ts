/** The API server's road to pods and to other API servers: HTTP or HTTPS to an address. */
import { createHash } from 'node:crypto';
import type { Handler } from '#base/http/message.ts';
import type { Backend, BackendConnector } from '#apiserver/proxy/transport.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';

/** Clients are kept for their connections; the one unused for longest goes first. */
const CLIENTS_MAX = 1_000;
/** Connections to one backend at a time, a watch being one; more requests wait. */
const SOCKETS_MAX = 4_096;
/** What runs in pods is what people have written, and Go's client, which they test with, is lenient. */
const OPTIONS = { socketsMax: SOCKETS_MAX, lenient: true, noticesFaults: true };

export function backendConnector(): BackendConnector {
  const clients = new Map<string, HttpClient>();
  return {
    to(backend: Backend): Handler {
      const key = keyOf(backend);
      const { allows, ...target } = backend;
      const guarded = allows === undefined ? {} : { allowsAddress: allows };
      const client = clients.get(key) ?? httpClient({ ...target, ...guarded, ...OPTIONS });
      clients.delete(key);
      clients.set(key, client);
      if (clients.size > CLIENTS_MAX) forgetOldest(clients);
      return client.handler;
    },
  };
}

/**
 * Certificates and keys are part of what a connection is, and so is whether its address is checked:
 * one server checks in one way.
 */
function keyOf({ host, port, tls, allows }: Backend): string {
  return createHash('sha256')
    .update(JSON.stringify([host, port, tls ?? null, allows !== undefined]))
    .digest('hex');
}

/** What it has under way goes on; its idle connections end by themselves. */
function forgetOldest(clients: Map<string, HttpClient>): void {
  const [oldest] = clients.keys();
  if (oldest !== undefined) clients.delete(oldest);
}
