/**
 * The data directory of a measured cluster, upstream's too: addresses, ports and certificates,
 * made by the product's own code before any process starts.
 */
import { createServer, type Server } from 'node:net';
import { NODE } from '#api/core/node.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { Node } from '#api/gen/core-v1.ts';
import { readBody } from '#base/http/message.ts';
import { RestClient } from '#client/rest.ts';
import {
  CLUSTER_DEFAULTS,
  type ClusterConfig,
  readClusterConfig,
  writeClusterConfig,
} from '#cli/cluster-config.ts';
import { clusterPki } from '#cli/cluster-pki.ts';
import { type DataDirectory, dataDirectoryAt, prepareDataDirectory } from '#cli/data-directory.ts';
import { writeKubeconfig } from '#cli/kubeconfig.ts';
import type { ClusterPki, KeyPair } from '#cli/pki.ts';
import { realEnvironment } from '#edge/environment.ts';
import { type HttpClient, httpClient } from '#edge/http-client.ts';
import { machineAddress } from './machine.ts';
import { untilSeen, untilTrue, within } from './wait.ts';

const HOST = '127.0.0.1';
const NODE_NAME = 'bench';
const environment = realEnvironment({ logLevel: 'error' });

export interface Cluster {
  readonly data: DataDirectory;
  readonly config: ClusterConfig;
  readonly pki: ClusterPki;
}

/** Makes what is missing in `directory`; what an earlier start made is used again. */
export async function openCluster(
  directory: string,
  simulatedNodes = 0,
  podCidr = CLUSTER_DEFAULTS.podCidr,
): Promise<Cluster> {
  const data = dataDirectoryAt(directory);
  prepareDataDirectory(data);
  const [listenPort = 0, kubeletPort = 0] = await freePorts(2);
  const config: ClusterConfig = readClusterConfig(data) ?? {
    ...CLUSTER_DEFAULTS,
    nodeName: NODE_NAME,
    nodeAddress: machineAddress(),
    simulatedNodes,
    podCidr,
    listenHost: HOST,
    listenPort,
    kubeletPort,
  };
  writeClusterConfig(data, config);
  return { data, config, pki: clusterPki(data, config, Date.now()) };
}

/** The cluster of a directory that a product made itself. */
export function readCluster(directory: string): Cluster {
  const data = dataDirectoryAt(directory);
  const config = readClusterConfig(data);
  if (config === undefined) throw new Error(`There is no cluster in ${directory}`);
  return { data, config, pki: clusterPki(data, config, Date.now()) };
}

export interface Connection {
  readonly http: HttpClient;
  readonly client: RestClient;
}

/** A client of the cluster's API server, as the administrator unless another identity is given. */
export function connect({ config, pki }: Cluster, identity: KeyPair = pki.admin): Connection {
  const http = httpClient({
    host: config.listenHost,
    port: config.listenPort,
    tls: { ca: pki.authority.certificate, cert: identity.certificate, key: identity.key },
  });
  const client = new RestClient({ handler: http.handler, environment, userAgent: 'bench' });
  return { http, client };
}

/** A kubeconfig for a component. */
export function writeUserFile(
  { config, pki }: Cluster,
  path: string,
  { user, identity }: { readonly user: string; readonly identity: KeyPair },
): void {
  const server = `https://${config.listenHost}:${config.listenPort}`;
  writeKubeconfig({ path, server, authority: pki.authority.certificate, user, identity });
}

const READY_TIMEOUT_MS = 120_000;
/** There is no event to wait for before a server answers. */
const LOOK_MS = 5;

/** Whether `path` answers with 200. */
export async function isOk(http: HttpClient, path: string): Promise<boolean> {
  const response = await http.handler({ method: 'GET', url: path, headers: {} });
  await readBody(response.body);
  return response.status === 200;
}

/** Until `/readyz` says ok. `failed` rejects when a process ends meanwhile. */
export function untilReadyz(http: HttpClient, failed: Promise<never>): Promise<void> {
  const patience = { timeoutMs: READY_TIMEOUT_MS, what: '/readyz', failed, everyMs: LOOK_MS };
  return untilTrue(() => isOk(http, '/readyz'), patience);
}

/** Until pods can be made in the namespace `default`. */
export async function untilDefaultAccount(
  client: RestClient,
  failed: Promise<never>,
): Promise<void> {
  await untilSeen(
    client,
    { type: SERVICE_ACCOUNT, namespace: 'default', fieldSelector: 'metadata.name=default' },
    { timeoutMs: READY_TIMEOUT_MS, what: 'the service account "default"', failed },
    ({ type }) => type === 'ADDED',
  );
}

/** Until `count` nodes are Ready and take pods. */
export async function untilNodes(
  client: RestClient,
  count: number,
  failed: Promise<never>,
  timeoutMs = READY_TIMEOUT_MS,
): Promise<void> {
  const ready = new Set<string>();
  await untilSeen(
    client,
    { type: NODE },
    { timeoutMs, what: `${count} nodes to be Ready`, failed },
    ({ type, object }) => {
      const name = object.metadata?.name ?? '';
      if (type !== 'DELETED' && takesPods(object)) ready.add(name);
      else ready.delete(name);
      return ready.size === count;
    },
  );
}

function takesPods({ spec, status }: Node): boolean {
  const isReady = status?.conditions?.some(
    (condition) => condition.type === 'Ready' && condition.status === 'True',
  );
  return isReady === true && (spec?.taints ?? []).length === 0;
}

/** Different free ports of the loopback address. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen()));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
  );
  return ports;
}

function listen(): Promise<Server> {
  const server = createServer();
  const listening = new Promise<Server>((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, HOST, () => resolve(server));
  });
  return within(listening, { timeoutMs: 10_000, what: 'a free port' });
}
