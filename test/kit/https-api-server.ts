/** A whole API server on a store in memory and a real socket with TLS, in real time. */
import { generateKeyPairSync } from 'node:crypto';
import { createApiServer } from '#apiserver/server.ts';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { realEnvironment } from '#edge/environment.ts';
import { type HttpServerOptions, serveHttp } from '#edge/http-server.ts';
import { MemoryStore } from '#store/memory.ts';
import { type PemPair, testPki } from '../../src/edge/test-kit.ts';

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
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const api = createApiServer({
    environment,
    store,
    serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    serviceAccountIssuer: 'https://kubernetes.default.svc',
    serviceClusterIpRange: '10.96.0.0/16',
    serviceNodePortRange: { from: 30_000, to: 32_767 },
    advertise: { address: '10.0.0.1', port: 6443 },
    clientCa: pki.ca,
    kubelets: {
      to: () => {
        throw new Error('there is no kubelet');
      },
    },
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
