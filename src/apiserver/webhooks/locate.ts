/**
 * The road to a webhook: by the URL or the Service that its configuration names.
 *
 * Source: API reference, WebhookClientConfig; upstream apiserver/pkg/util/webhook/client.go.
 */
import type { Handler } from '#base/http/message.ts';
import { endpointOf, type EndpointServices } from '../aggregator/endpoint.ts';
import type { BackendConnector } from '../proxy/transport.ts';

/** The same in admission registration and in custom resource definitions. */
export interface WebhookClientConfig {
  readonly url?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path?: string;
    readonly port?: number;
  };
  /** PEM in base64; without it, the authorities of the machine are trusted. */
  readonly caBundle?: string;
}

export interface WebhookRoad {
  readonly handler: Handler;
  /** Path and query. */
  readonly url: string;
  /** What stands before `url` in messages: `https://name.namespace.svc:443`. */
  readonly origin: string;
  /** Where it is reached: `10.0.0.7:9443`. */
  readonly address: string;
}

export interface WebhookServices extends EndpointServices {
  readonly backends: BackendConnector;
}

const HTTPS_PORT = 443;

/** Throws an error that says why there is no road. */
export function locateWebhook(services: WebhookServices, config: WebhookClientConfig): WebhookRoad {
  const { url, service, caBundle = '' } = config;
  const ca = caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64').toString() };
  if (service !== undefined) {
    const { namespace, name, path = '/', port = HTTPS_PORT } = service;
    const endpoint = endpointOf(services, { service: { namespace, name, port } });
    const serverName = `${name}.${namespace}.svc`;
    return {
      handler: services.backends.to({ ...endpoint, tls: { serverName, ...ca } }),
      url: withSlash(path),
      origin: `https://${serverName}:${port}`,
      address: `${endpoint.host}:${endpoint.port}`,
    };
  }
  const { hostname, port, pathname, search } = new URL(url ?? '');
  const host = hostname.replace(/^\[|\]$/g, '');
  const backend = {
    host,
    port: port === '' ? HTTPS_PORT : Number(port),
    tls: { serverName: host, ...ca },
  };
  return {
    handler: services.backends.to(backend),
    url: `${pathname}${search}`,
    origin: `https://${port === '' ? hostname : `${hostname}:${port}`}`,
    address: `${hostname}:${backend.port}`,
  };
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
