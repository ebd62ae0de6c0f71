/**
 * How `cox kubelet` reaches the API server, and the certificates that it is given there: asked for
 * where there is none (`--bootstrap-kubeconfig`), rotated (`rotateCertificates`), and one for its own
 * server (`serverTLSBootstrap`).
 *
 * Upstream: cmd/kubelet/app/server.go (buildKubeletClientConfig), v1.36.
 */
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { RestClient } from '#client/rest.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { type Access, readAccess } from '../kube-client.ts';
import {
  keepClientCertificate,
  keepServingCertificate,
  storedCertificate,
} from '../node-certificates.ts';
import type { KeyPair } from '../pki.ts';
import { bootstrapClient } from './client-certificate.ts';
import type { Flags } from './flags.ts';
import { asksForServing } from './serving-certificate.ts';
import type { RunningKubelet } from './start.ts';

export interface ApiAccessOptions {
  readonly environment: Environment;
  readonly configuration: KubeletConfiguration;
  readonly node: { readonly name: string; readonly hostname: string };
  readonly addresses: readonly string[];
}

export interface ApiAccess {
  /** To the API server, as the node. */
  readonly handler: Handler;
  readonly token: Access['token'];
  /** Has certificates renewed until `signal`. */
  keepCertificates(kubelet: Pick<RunningKubelet, 'setServing'>, signal: AbortSignal): void;
  close(): void;
}

/** Rejects with UserError. */
export async function openApi(
  flags: Flags,
  options: ApiAccessOptions,
  signal: AbortSignal,
): Promise<ApiAccess> {
  const { environment, configuration, node, addresses } = options;
  const folder = flags.text('cert-dir');
  await bootstrapIfAsked(flags, options, signal);
  const access = readAccess(flags.text('kubeconfig'));
  const { http, handler } = roadTo(access);
  const { token, connection } = access;
  const useClient = ({ certificate, key }: KeyPair): void =>
    http.setTls({ ...access.tls, cert: certificate, key }, { breaksOff: true });
  const rotates = configuration.rotateCertificates === true && connection.tls;
  const nowMs = environment.clock.now();
  const stored = rotates ? storedCertificate(folder, 'kubelet-client', nowMs) : undefined;
  if (stored !== undefined) useClient(stored);
  return {
    handler,
    token,
    close: () => http.close(),
    keepCertificates(kubelet, until) {
      const credentials = token === undefined ? {} : { token };
      const asNode = { handler, environment, userAgent: 'kubelet', signal: until, ...credentials };
      const kept = { environment, signal: until, folder, client: new RestClient(asNode) };
      if (rotates) keepClientCertificate(node.name, { ...kept, onCertificate: useClient });
      if (asksForServing(configuration))
        keepServingCertificate(
          { ...node, addresses },
          { ...kept, onCertificate: (pair) => kubelet.setServing(pair) },
        );
    },
  };
}

async function bootstrapIfAsked(
  flags: Flags,
  { environment, node }: ApiAccessOptions,
  signal: AbortSignal,
): Promise<void> {
  const bootstrapKubeconfig = flags.text('bootstrap-kubeconfig');
  if (bootstrapKubeconfig === '') return;
  await bootstrapClient({
    environment,
    signal,
    kubeconfig: flags.text('kubeconfig'),
    bootstrapKubeconfig,
    folder: flags.text('cert-dir'),
    nodeName: node.name,
    connect: (access) => {
      const { http, handler } = roadTo(access);
      return { handler, close: () => http.close() };
    },
  });
}

function roadTo({ connection, tls }: Access): {
  readonly http: HttpClient;
  readonly handler: Handler;
} {
  const { host, port, basePath } = connection;
  const http = httpClient({ host, port, ...(connection.tls ? { tls } : {}) });
  return { http, handler: (request) => http.handler({ ...request, url: basePath + request.url }) };
}
