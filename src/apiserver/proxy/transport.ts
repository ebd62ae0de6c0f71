/**
 * The API server's road to what is in the cluster: pods, and other API servers. A door, for it opens
 * sockets: `src/cli/backend-connector.ts` is the real one.
 */
import type { TlsClientOptions } from '#base/doors.ts';
import type { Handler } from '#base/http/message.ts';

export interface Backend {
  /** An address. Names are never looked up: what was checked is what is spoken to. */
  readonly host: string;
  readonly port: number;
  /** Plain HTTP without it. */
  readonly tls?: TlsClientOptions;
}

export interface BackendConnector {
  /** Rejects a request when no answer came, with the platform's error. */
  to(backend: Backend): Handler;
}

/** Of a server that has no road into the cluster. */
export const NO_BACKENDS: BackendConnector = {
  to: () => () => Promise.reject(new Error('this server has no road into the cluster')),
};
