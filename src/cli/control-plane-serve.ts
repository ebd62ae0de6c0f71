/**
 * The control plane of the product: the composition of `control-plane.ts` on a real store, real
 * sockets and real files.
 */
import { hostname } from 'node:os';
import type { Environment } from '#base/env.ts';
import { type RunningHttpServer, serveHttp } from '#edge/http-server.ts';
import { SimulatedNodes } from '#kubelet/simulated/simulated-nodes.ts';
import type { Store } from '#store/store.ts';
import type { ServerArguments } from './apiserver-arguments.ts';
import { backendConnector } from './backend-connector.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { dnsImage, publishClusterObjects } from './cluster-objects.ts';
import { clusterPki } from './cluster-pki.ts';
import { clusterServerOptions } from './cluster-server-options.ts';
import { clientAs, nodeIdentity } from '#client/in-process.ts';
import { type ControlPlane, createControlPlane } from './control-plane.ts';
import type { DataDirectory } from './data-directory.ts';
import { choosesAudit, defaultAudit } from './default-audit.ts';
import { listenHosts } from './listen-address.ts';
import { keepNodeRole } from './node-role.ts';
import { KUBELET_CLIENT } from './pki.ts';
import { versionOptions } from './version-flags.ts';

/** How long open requests may go on when the process is asked to end. */
const SHUTDOWN_GRACE_MS = 1_000;

export interface ServeOptions {
  readonly environment: Environment;
  readonly data: DataDirectory;
  readonly config: ClusterConfig;
  /** Closed at the end. */
  readonly store: Store;
}

/** Resolves when the control plane is ready, with the way to stop it. */
export async function serveControlPlane(options: ServeOptions): Promise<() => Promise<void>> {
  const { environment, data, config, store } = options;
  const pki = clusterPki(data, config, environment.clock.now());
  const serverOptions = clusterServerOptions(config, pki);
  const chosen = await chosenArguments(config, serverOptions.serviceAccountIssuer, environment);
  const plane = createControlPlane({
    environment,
    store,
    ...serverOptions,
    ...(choosesAudit(config) ? {} : { audit: defaultAudit(data, environment) }),
    ...chosen?.options,
    hostname: hostname(),
    backends: backendConnector(),
    frontProxy: { ...pki.frontProxyClient, authority: pki.frontProxyAuthority.certificate },
    rootCa: pki.authority.certificate,
    signingCa: { certificate: pki.authority.certificate, key: pki.authority.key },
    podCidr: config.podCidr,
    history: config.history,
    loadBalancerPools: config.loadBalancerPools ?? [],
    ...versionOptions(config),
  });
  const serve = (host: string): Promise<RunningHttpServer> =>
    serveHttp({
      handler: plane.handler,
      streamsBody: (request) => plane.apiServer.streamsBody(request),
      host,
      port: config.listenPort,
      tls: {
        cert: pki.apiServer.certificate,
        key: pki.apiServer.key,
        clientCa: pki.authority.certificate,
        frontProxyCa: pki.frontProxyAuthority.certificate,
      },
    });
  const servers = await Promise.all(listenHosts(config).map(serve));
  await plane.start();
  chosen?.files.start(environment);
  const stopping = new AbortController();
  const client = clientAs(
    plane.handler,
    { name: 'system:apiserver', groups: ['system:masters'] },
    { environment, userAgent: 'cox', signal: stopping.signal },
  );
  await publishClusterObjects({
    client,
    dnsAddress: config.dnsAddress,
    kubeletClientName: KUBELET_CLIENT,
    ...dnsImage(config),
    join: {
      config,
      authority: pki.authority.certificate,
      certificatesDirectory: data.pki,
    },
  });
  const stopNodes = startSimulatedNodes(environment, plane, config.simulatedNodes);
  keepNodeRole({
    client,
    environment,
    nodeName: config.nodeName,
    signal: stopping.signal,
  });
  environment.log.info('control plane is ready', {
    address: `https://${config.listenHost}:${config.listenPort}`,
  });
  return async () => {
    stopping.abort();
    stopNodes();
    chosen?.files.stop();
    await plane.stop();
    await Promise.all(servers.map((server) => server.close({ graceMs: SHUTDOWN_GRACE_MS })));
    await store.close();
  };
}

/** Loaded where there are any: most clusters have none. */
async function chosenArguments(
  { apiServerArguments = [] }: ClusterConfig,
  issuer: string,
  environment: Environment,
): Promise<ServerArguments | undefined> {
  if (apiServerArguments.length === 0) return undefined;
  const { serverArguments } = await import('./apiserver-arguments.ts');
  return serverArguments(apiServerArguments, { issuer, environment });
}

function startSimulatedNodes(
  environment: Environment,
  plane: ControlPlane,
  count: number,
): () => void {
  if (count === 0) return () => {};
  const stopping = new AbortController();
  const nodes = new SimulatedNodes({
    environment,
    count,
    clientFor: (name) =>
      clientAs(plane.handler, nodeIdentity(name), {
        environment,
        userAgent: 'simulated-kubelet',
        signal: stopping.signal,
      }),
  });
  nodes.start(stopping.signal);
  return () => stopping.abort();
}
