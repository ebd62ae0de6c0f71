/** Requests to another API server, as the front proxy and in the name of a user. */
import { timeoutSignal, type Environment } from '#base/env.ts';
import { noticingFaults } from '#base/http/certificate-faults.ts';
import { type HttpRequest, type HttpResponse, readBody } from '#base/http/message.ts';
import type { User } from '../context.ts';
import { faultAnnotation } from '../proxy/certificate-faults.ts';
import { type ForwardTarget, forward } from '../proxy/forward.ts';
import type { Backend, BackendConnector } from '../proxy/transport.ts';
import type { RemoteApi } from './api-services.ts';
import { type Endpoint, endpointOf, type EndpointServices, urlOf } from './endpoint.ts';
import { identityHeaders } from './identity.ts';

/** PEM texts of the front proxy's client certificate. */
export interface FrontProxyIdentity {
  readonly certificate: string;
  readonly key: string;
}

export interface RemoteServices extends EndpointServices {
  readonly environment: Environment;
  readonly backends: BackendConnector;
  readonly identity: FrontProxyIdentity | undefined;
}

/** Who asks when nobody in particular does: for health, discovery and OpenAPI. */
const AGGREGATOR: User = { name: 'system:kube-aggregator', groups: ['system:masters'] };

/** Answers of discovery and OpenAPI that are taken at most. */
const DOCUMENT_MAX_BYTES = 32 * 1024 * 1024;
const ASK_TIMEOUT_MS = 5_000;

/** The certificate must be for the Service's name, whatever the address. */
function backendOf(
  identity: FrontProxyIdentity | undefined,
  remote: RemoteApi,
  { host, port }: Endpoint,
): Backend {
  const { service, authority, insecureSkipTlsVerify } = remote;
  return {
    host,
    port,
    tls: {
      serverName: `${service.name}.${service.namespace}.svc`,
      ...(authority === '' ? {} : { ca: authority }),
      ...(insecureSkipTlsVerify ? { insecureSkipVerify: true } : {}),
      ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
    },
  };
}

/** Passes a client's request on. Throws what `endpointOf` and `forward` throw. */
export function pass(
  services: RemoteServices,
  remote: RemoteApi,
  call: {
    readonly request: HttpRequest;
    readonly user: User;
    /** By which both servers' audit events are known as one request's. */
    readonly auditId: string;
    readonly endpoint: Endpoint;
    readonly path: string;
    readonly query: string;
    /** An annotation of the request's audit event. */
    annotate(key: string, value: string): void;
  },
): Promise<HttpResponse> {
  const { host } = new URL(urlOf(call.endpoint, '/'));
  const handler = services.backends.to(backendOf(services.identity, remote, call.endpoint));
  const target: ForwardTarget = {
    handler: noticingFaults(handler, (fault) => {
      call.annotate(...faultAnnotation(fault, call.endpoint.host));
    }),
    path: call.path,
    query: call.query,
    rules: { prefix: '', backendHost: host, clientHost: host },
    headers: { ...identityHeaders(call.user), 'audit-id': call.auditId, host },
  };
  return forward(call.request, target);
}

export interface Document {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
}

/** A document of the other server's own. Rejects when there is no answer in time. */
export async function ask(
  services: RemoteServices,
  remote: RemoteApi,
  path: string,
  headers: Readonly<Record<string, string>>,
  endpoint = endpointOf(services, remote),
): Promise<Document> {
  const limit = timeoutSignal(services.environment, ASK_TIMEOUT_MS);
  const { signal } = limit;
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () =>
      reject(new Error(`timed out waiting for ${urlOf(endpoint, path)}`)),
    );
  });
  try {
    const handler = services.backends.to(backendOf(services.identity, remote, endpoint));
    const host = new URL(urlOf(endpoint, '/')).host;
    const get = async (): Promise<Document> => {
      const all = { ...headers, host, ...identityHeaders(AGGREGATOR) };
      const response = await handler({ method: 'GET', url: path, headers: all, signal });
      const bytes = await readBody(response.body, DOCUMENT_MAX_BYTES);
      return { status: response.status, headers: response.headers, bytes };
    };
    return await Promise.race([get(), late]);
  } finally {
    limit.release();
  }
}
