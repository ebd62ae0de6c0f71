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
    ...(token === undefined ? {} : { token: () => token }),
  });
  return { client, namespace: connection.namespace, close: () => http.close() };
}

/** What a kubeconfig says, with the files that it names read. */
export interface Access {
  readonly connection: Connection;
  readonly tls: TlsClientOptions;
  readonly token: string | undefined;
}

/** Throws UserError. */
export function readAccess(path: string, context?: string): Access {
  const connection = readConnection(path, context);
  const file = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : readText(resolve(dirname(path), name));
  const ca = connection.ca ?? file(connection.caFile);
  const cert = connection.cert ?? file(connection.certFile);
  const key = connection.key ?? file(connection.keyFile);
  const token = connection.token ?? file(connection.tokenFile)?.trim();
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
