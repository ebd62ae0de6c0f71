/** A whole API server on a store in memory and a real socket with TLS, in real time. */
import { createApiServer } from '#apiserver/server.ts';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { realEnvironment } from '#edge/environment.ts';
import { type HttpServerOptions, serveHttp } from '#edge/http-server.ts';
import { MemoryStore } from '#store/memory.ts';
import { type PemPair, testPki } from '../../src/edge/test-kit.ts';
import { testServerOptions } from './server-options.ts';

export interface HttpsApiServer {
  readonly port: number;
  /** The authority of its certificate, and of its clients. */
  readonly ca: string;
  /** A certificate of this user. */
  identity(name: string, groups?: readonly string[]): PemPair;
  stop(): Promise<void>;
}

/** Resolves when it is ready. */
export async function startHttpsApiServer(
  options: {
    readonly api?: Partial<ApiServerOptions>;
    readonly http?: Partial<HttpServerOptions>;
  } = {},
): Promise<HttpsApiServer> {
  const environment = realEnvironment({ logLevel: 'error' });
  const store = new MemoryStore(environment);
  const pki = testPki();
  const api = createApiServer({
    ...testServerOptions(),
    environment,
    store,
    clientCa: pki.ca,
    ...options.api,
  });
  const server = await serveHttp({
    handler: api.handler,
    streamsBody: (request) => api.streamsBody(request),
    tls: { ...pki.server, clientCa: pki.ca },
    ...options.http,
  });
  await api.start();
  return {
    port: server.port,
    ca: pki.ca,
    identity: (name, groups = []) => pki.client({ commonName: name, organizations: [...groups] }),
    async stop() {
      await api.stop();
      await server.close();
      await store.close();
    },
  };
}
