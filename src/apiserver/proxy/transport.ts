/**
 * The API server's road to what is in the cluster: pods, and other API servers. A door, for it opens
 * sockets: `src/cli/backend-connector.ts` is the real one.
 */
import type { TlsClientOptions } from '#base/doors.ts';
import type { Handler } from '#base/http/message.ts';

export interface Backend {
  /** An address, or a name that somebody who is trusted has configured. */
  readonly host: string;
  readonly port: number;
  /** Plain HTTP without it. */
  readonly tls?: TlsClientOptions;
  /**
   * Which addresses `host` may stand for when it is a name; all without it. It is asked of each
   * connection, and just what it has allowed is connected to: between a look-up to check and one to
   * connect, a name could change (CVE-2020-8562).
   */
  readonly allows?: (address: string) => boolean;
}

export interface BackendConnector {
  /** Rejects a request when no answer came, with the platform's error. */
  to(backend: Backend): Handler;
}

/** Of a server that has no road into the cluster. */
export const NO_BACKENDS: BackendConnector = {
  to: () => () => Promise.reject(new Error('this server has no road into the cluster')),
};
