/** An HTTPS server on loopback, such as issuers of tokens are, whose answers a test changes as it runs. */
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import { testPki } from '../../src/edge/test-kit.ts';

export class TlsIssuer {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** Who has signed its certificate, as PEM. */
  readonly ca: string;
  /** Asks it. */
  readonly client: HttpClient;
  /** Not found, until the test sets it. */
  answer: RequestListener = (_, response) => response.writeHead(404).end();

  readonly #server: Server;

  private constructor(server: Server, ca: string) {
    const { port } = server.address() as AddressInfo;
    this.#server = server;
    this.ca = ca;
    this.url = `https://127.0.0.1:${port}`;
    this.client = httpClient({ host: '127.0.0.1', port, tls: { ca } });
    server.on('request', (request, response) => this.answer(request, response));
  }

  static async start(): Promise<TlsIssuer> {
    const pki = testPki();
    const server = createServer(pki.server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TlsIssuer(server, pki.ca);
  }

  stop(): void {
    this.client.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
