/** A component's own HTTPS port: certificate, who may ask, and the pages of `pages.ts`. */
import { hostname } from 'node:os';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import type { Environment } from '#base/env.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import { type RunningHttpServer, type ServerTls, serveHttp } from '#edge/http-server.ts';
import { bool, count, type Flags, list, text } from '../flags.ts';
import { selfSignedCertificate } from '../self-signed.ts';
import { UserError } from '../user-error.ts';
import { PageAccess } from './access.ts';
import { componentClients } from './clients.ts';
import type { HealthCheck } from './health.ts';
import { componentPages } from './pages.ts';

/** The flags of serving, authentication and authorization; the port differs. */
export function servingFlags(securePort: string) {
  return {
    'bind-address': text('0.0.0.0', 'the address to listen on'),
    'secure-port': count(securePort, 'the port of health and metrics; 0: none'),
    'tls-cert-file': text('', 'the certificate of this server; made at the start when not given'),
    'tls-private-key-file': text('', 'its key'),
    'client-ca-file': text('', 'the authority of client certificates; the cluster’s unless given'),
    'requestheader-client-ca-file': text('', 'the authority of front proxies'),
    'requestheader-allowed-names': list('', 'common names of front proxies; any when empty'),
    'requestheader-username-headers': list('x-remote-user', 'headers that name the user'),
    'requestheader-uid-headers': list('', 'headers that hold the uid of the user'),
    'requestheader-group-headers': list('x-remote-group', 'headers that name groups'),
    'requestheader-extra-headers-prefix': list('x-remote-extra-', 'prefixes of further headers'),
    'authentication-kubeconfig': text('', 'the kubeconfig for token reviews'),
    'authentication-skip-lookup': bool('false', 'do not ask the cluster for its authority'),
    'authentication-tolerate-lookup-failure': bool('true', 'go on when that fails'),
    'authorization-kubeconfig': text('', 'the kubeconfig for access reviews'),
    'authorization-always-allow-paths': list(
      '/healthz,/readyz,/livez',
      'paths that everybody may read',
    ),
  };
}

export type ServingFlag = keyof ReturnType<typeof servingFlags>;

export interface ServingOptions {
  readonly flags: Flags<ServingFlag>;
  /** All flags, for `/flagz`. */
  readonly allFlags: ReadonlyMap<string, string>;
  /** `kube-scheduler` */
  readonly name: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly metrics: MetricRegistry;
  readonly checks: ReadonlyMap<string, HealthCheck>;
  readonly readyChecks: ReadonlyMap<string, HealthCheck>;
  /** For `/configz`. */
  readonly config?: object;
}

export interface Serving {
  /** 0 when it does not listen. */
  readonly port: number;
  close(): Promise<void>;
}

/** Listens from now on. Throws UserError. */
export async function serveComponent(options: ServingOptions): Promise<Serving> {
  const { flags, environment, name } = options;
  if (flags.number('secure-port') === 0) return { port: 0, close: async () => {} };
  const reviews = reviewer(options);
  const clientCa = flags.file('client-ca-file') ?? (await clusterAuthority(options, reviews));
  const access = new PageAccess({
    client: reviews?.client,
    clock: environment.clock,
    always: flags.list('authorization-always-allow-paths'),
    requestHeaders: {
      allowedNames: flags.list('requestheader-allowed-names'),
      usernameHeaders: flags.list('requestheader-username-headers'),
      uidHeaders: flags.list('requestheader-uid-headers'),
      groupHeaders: flags.list('requestheader-group-headers'),
      extraHeaderPrefixes: flags.list('requestheader-extra-headers-prefix'),
    },
  });
  const frontProxyCa = flags.file('requestheader-client-ca-file');
  const server: RunningHttpServer = await serveHttp({
    handler: componentPages({ ...options, access, flags: options.allFlags }),
    host: flags.text('bind-address'),
    port: flags.number('secure-port'),
    tls: {
      ...identity(options),
      ...(clientCa === undefined ? {} : { clientCa }),
      ...(frontProxyCa === undefined ? {} : { frontProxyCa }),
    },
  });
  environment.log.info(`${name} serves health and metrics`, { port: server.port });
  return {
    port: server.port,
    async close() {
      await server.close({ graceMs: 0 });
      reviews?.close();
    },
  };
}

interface Reviewer {
  readonly client: Client;
  close(): void;
}

function reviewer({
  flags,
  environment,
  signal,
  name,
  metrics,
}: ServingOptions): Reviewer | undefined {
  const kubeconfig =
    flags.text('authorization-kubeconfig') || flags.text('authentication-kubeconfig');
  if (kubeconfig === '') return undefined;
  const clients = componentClients({ kubeconfig, environment, signal, metrics });
  return { client: clients.base(name), close: () => clients.close() };
}

/** Whose client certificates the cluster believes, as its API server publishes it. */
async function clusterAuthority(
  { flags, environment }: ServingOptions,
  reviews: Reviewer | undefined,
): Promise<string | undefined> {
  if (reviews === undefined || flags.isOn('authentication-skip-lookup')) return undefined;
  try {
    const { data } = await reviews.client.get(
      CONFIG_MAP,
      'extension-apiserver-authentication',
      'kube-system',
    );
    return data?.['client-ca-file'];
  } catch (error) {
    const problem = `Cannot read the cluster's authority of clients: ${String(error)}`;
    if (!flags.isOn('authentication-tolerate-lookup-failure')) throw new UserError(problem);
    environment.log.warn(problem);
    return undefined;
  }
}

function identity({ flags, environment, name }: ServingOptions): Pick<ServerTls, 'cert' | 'key'> {
  const cert = flags.file('tls-cert-file');
  if (cert !== undefined) return { cert, key: flags.requiredFile('tls-private-key-file') };
  const made = selfSignedCertificate({
    environment,
    name,
    dnsNames: ['localhost', hostname()],
    addresses: ['127.0.0.1'],
  });
  return { cert: made.certificate, key: made.key };
}
