/**
 * The road to a webhook: by the URL or the Service that its configuration names.
 *
 * Source: API reference, WebhookClientConfig; upstream apiserver/pkg/util/webhook/client.go.
 */
import type { Handler, Headers } from '#base/http/message.ts';
import { parseIp } from '#base/ip.ts';
import { endpointOf, type EndpointServices } from '../aggregator/endpoint.ts';
import type { BackendConnector } from '../proxy/transport.ts';
import { userFor, type WebhookUsers } from './credentials.ts';

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
  /** What is shown of us, beside a client certificate. */
  readonly headers?: Headers;
}

export interface WebhookServices extends EndpointServices {
  readonly backends: BackendConnector;
}

const HTTPS_PORT = 443;

/** Where a webhook is asked: what is shown of its server, and path and query. */
export function webhookUrl({
  url,
  service,
}: WebhookClientConfig): Pick<WebhookRoad, 'origin' | 'url'> {
  if (service !== undefined) {
    const { namespace, name, path = '/', port = HTTPS_PORT } = service;
    return { origin: `https://${name}.${namespace}.svc:${port}`, url: withSlash(path) };
  }
  const { hostname, port, pathname, search } = new URL(url ?? '');
  return {
    origin: `https://${port === '' ? hostname : `${hostname}:${port}`}`,
    url: `${pathname}${search}`,
  };
}

/** With the credentials of whoever of `users` is for it. Throws an error that says why there is no road. */
export function locateWebhook(
  services: WebhookServices,
  config: WebhookClientConfig,
  users?: WebhookUsers,
): WebhookRoad {
  const { url, service, caBundle = '' } = config;
  const { certificate, headers = {} } =
    (users === undefined ? undefined : userFor(users, targetOf(config))?.()) ?? {};
  const tls = {
    ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64').toString() }),
    ...certificate,
  };
  if (service !== undefined) {
    const { namespace, name, port = HTTPS_PORT } = service;
    const endpoint = endpointOf(services, { service: { namespace, name, port } });
    const serverName = `${name}.${namespace}.svc`;
    return {
      ...webhookUrl(config),
      handler: services.backends.to({ ...endpoint, tls: { serverName, ...tls } }),
      address: `${endpoint.host}:${endpoint.port}`,
      headers,
    };
  }
  const { hostname, port: given } = new URL(url ?? '');
  const host = hostname.replace(/^\[|\]$/g, '');
  const port = given === '' ? HTTPS_PORT : Number(given);
  const isReserved =
    parseIp(host) !== undefined ? !services.guard.allows(host, port, [port]) : isLocal(host);
  if (isReserved) throw new Error('address not allowed');
  return {
    ...webhookUrl(config),
    handler: services.backends.to({
      host,
      port,
      tls: { serverName: host, ...tls },
      allows: (address) => services.guard.allows(address, port, [port]),
    }),
    address: `${hostname}:${port}`,
    headers,
  };
}

/** The name or address that a webhook is known by. */
export function hostOf(config: WebhookClientConfig): string {
  return new URL(webhookUrl(config).origin).hostname.replace(/^\[|\]$/g, '');
}

/** `host:port`, whatever address is dialled. */
function targetOf(config: WebhookClientConfig): string {
  const { hostname, port } = new URL(webhookUrl(config).origin);
  return `${hostname}:${port === '' ? HTTPS_PORT : port}`;
}

/** A name that stands for the machine itself, wherever it is looked up (RFC 6761). */
function isLocal(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
