/**
 * The way from a command line to a cluster's API server: which kubeconfig, and what it says.
 *
 * The first of these that is there: --kubeconfig, $KUBECONFIG, the cluster that `cox up` made in the
 * default data directory, ~/.kube/config.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fromYaml, YamlError } from '#api/codec/yaml.ts';
import { type Connection, connectionOf, KubeconfigError } from '#client/kubeconfig.ts';
import { RestClient } from '#client/rest.ts';
import { realEnvironment } from '#edge/environment.ts';
import { httpClient } from '#edge/http-client.ts';
import type { TlsClientOptions } from '#base/doors.ts';
import type { Handler } from '#base/http/message.ts';
import { dataDirectoryAt, defaultDataDirectory } from './data-directory.ts';
import { reread } from './reread.ts';
import { messageOf, UserError } from './user-error.ts';

export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

export interface ClusterClient {
  readonly client: RestClient;
  /** Of the kubeconfig's context. */
  readonly namespace: string;
  close(): void;
}

/** Throws a UserError when there is no kubeconfig, or none that can be used. */
export function connect(flags: ClusterFlags): ClusterClient {
  const { token, tls, connection } = readAccess(kubeconfigPath(flags, process.env), flags.context);
  const { host, port } = connection;
  const http = httpClient({ host, port, ...(connection.tls ? { tls } : {}) });
  const client = new RestClient({
    handler: reachable(http.handler, connection),
    environment: realEnvironment({ logLevel: 'warn' }),
    userAgent: 'cox',
    ...(token === undefined ? {} : { token }),
  });
  return { client, namespace: connection.namespace, close: () => http.close() };
}

/** What a kubeconfig says, with the files that it names read. */
export interface Access {
  readonly connection: Connection;
  readonly tls: TlsClientOptions;
  /** The token of the moment: a file of one is read again, as whoever renews it writes it anew. */
  readonly token: (() => string) | undefined;
}

/** Throws UserError. */
export function readAccess(path: string, context?: string): Access {
  const connection = readConnection(path, context);
  const file = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : readText(resolve(dirname(path), name));
  const ca = connection.ca ?? file(connection.caFile);
  const cert = connection.cert ?? file(connection.certFile);
  const key = connection.key ?? file(connection.keyFile);
  // As client-go: where there are both, the file counts.
  const token =
    connection.tokenFile === undefined
      ? fixed(connection.token)
      : tokenOfFile(resolve(dirname(path), connection.tokenFile));
  const { serverName, insecureSkipVerify } = connection;
  const tls = {
    insecureSkipVerify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
  };
  return { connection, tls, token };
}

/** Where a pod finds its service account. Source: the Kubernetes documentation, "Accessing the Kubernetes API from a Pod". */
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The way to the API server from within a pod, by its service account. Throws UserError. */
export function inClusterAccess(
  environment: NodeJS.ProcessEnv,
  folder = SERVICE_ACCOUNT_FOLDER,
): Access {
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = Number(environment['KUBERNETES_SERVICE_PORT'] ?? '');
  if (host === '' || !(port > 0))
    throw new UserError(
      'Cannot find the API server: name a kubeconfig with --kubeconfig, or run in a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set).',
    );
  return {
    connection: {
      host,
      port,
      basePath: '',
      tls: true,
      namespace: 'default',
      insecureSkipVerify: false,
    },
    tls: { ca: readText(join(folder, 'ca.crt')), insecureSkipVerify: false },
    token: tokenOfFile(join(folder, 'token')),
  };
}

/** How long a token from a file is used before the file is read again, as client-go does. */
export const TOKEN_FILE_MS = 60_000;

function tokenOfFile(path: string): () => string {
  return reread(() => readText(path).trim(), TOKEN_FILE_MS);
}

function fixed(token: string | undefined): (() => string) | undefined {
  return token === undefined ? undefined : () => token;
}

/** Exported for the test of the order. */
export function kubeconfigPath(flags: ClusterFlags, environment: NodeJS.ProcessEnv): string {
  if (flags.kubeconfig !== undefined) return flags.kubeconfig;
  const named = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  const places =
    named.length > 0
      ? named
      : [
          dataDirectoryAt(defaultDataDirectory(environment)).kubeconfig,
          join(homedir(), '.kube', 'config'),
        ];
  const found = places.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new UserError(
    `Cannot find a kubeconfig at ${places.join(' or ')}: name one with --kubeconfig, or make a cluster with cox up.`,
  );
}

function readConnection(path: string, context: string | undefined): Connection {
  try {
    return connectionOf(fromYaml(readText(path)), context);
  } catch (error) {
    if (!(error instanceof KubeconfigError || error instanceof YamlError)) throw error;
    throw new UserError(`Cannot use kubeconfig ${path}: ${messageOf(error)}`);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${messageOf(error)}`);
  }
}

/** Puts the path of the server's address before each path, and says who could not be reached. */
function reachable(handler: Handler, { host, port, basePath }: Connection): Handler {
  return async (request) => {
    try {
      return await handler({ ...request, url: basePath + request.url });
    } catch (error) {
      throw new UserError(
        `Cannot reach the API server at ${host}:${port}: ${messageOf(error)}. Is the cluster up?`,
      );
    }
  };
}
