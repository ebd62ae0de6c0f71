/** The kubelet's own HTTPS server: for the API server, which shows its client certificate. */
import type { Handler } from '#base/http/message.ts';
import { type RunningHttpServer, serveHttp } from '#edge/http-server.ts';
import type { KeyPair } from './pki.ts';

export interface KubeletServerOptions {
  readonly handler: Handler;
  readonly address: string;
  readonly port: number;
  /** PEM: who signs the client certificates that are believed. */
  readonly authority: string;
  readonly identity: KeyPair;
}

export function serveKubelet(options: KubeletServerOptions): Promise<RunningHttpServer> {
  return serveHttp({
    handler: options.handler,
    host: options.address,
    port: options.port,
    tls: {
      cert: options.identity.certificate,
      key: options.identity.key,
      clientCa: options.authority,
    },
  });
}
