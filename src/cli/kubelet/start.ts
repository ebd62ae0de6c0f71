/**
 * A kubelet in this process: its clients, its runtime, its servers. The node process of `cox up` and
 * `cox kubelet` both start theirs so.
 *
 *   API server ◀─ kubeAPIQPS, eventRecordQPS, no limit for heartbeats ─ kubelet ─▶ runtime (CRI)
 *   address:port (TLS), readOnlyPort, healthzPort ─────────────────────▶ kubelet
 */
import { writeFileSync } from 'node:fs';
import type { Environment } from '#base/env.ts';
import type { GrpcChannel } from '#base/grpc.ts';
import type { Handler } from '#base/http/message.ts';
import { EventRecorder, LINGER_MS } from '#client/events.ts';
import { RestClient } from '#client/rest.ts';
import { throttled } from '#client/throttle.ts';
import { realFileSystem } from '#edge/file-system.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { realGrpcSockets } from '#edge/grpc-sockets.ts';
import { type RunningHttpServer, type ServerTls, serveHttp } from '#edge/http-server.ts';
import { realNetwork } from '#edge/network.ts';
import { realPrivateKeys } from '#edge/private-keys.ts';
import { realProcesses } from '#edge/processes.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { unusedSettings } from '#kubelet/config/unused.ts';
import { Kubelet } from '#kubelet/kubelet.ts';
import type { KubeletOptions } from '#kubelet/kubelet-options.ts';
import type { KubeletServers } from '#kubelet/server/kubelet-servers.ts';
import type { KeyPair } from '../pki.ts';
import { messageOf, UserError } from '../user-error.ts';
import { tlsLimits } from './tls.ts';

const NAME = 'kubelet';

export interface KubeletParts
  extends Pick<
    KubeletOptions,
    | 'environment'
    | 'configuration'
    | 'rootDirectory'
    | 'sandboxImage'
    | 'imageCredentials'
    | 'onPodCidrs'
    | 'onPodAddresses'
    | 'runtimePid'
  > {
  readonly node: Omit<KubeletOptions['node'], 'architecture'>;
  /** To the API server, as the node. */
  readonly handler: Handler;
  /** Shown with each request; undefined: the connection says who the node is. */
  readonly token?: (() => string) | undefined;
  readonly signal: AbortSignal;
  /** The certificate of its own server, PEM, and whose clients that believes. */
  readonly serving: KeyPair & { readonly clientAuthority: string | undefined };
}

export interface RunningKubelet {
  /** From now on its server shows this certificate. */
  setServing(pair: KeyPair): void;
  /** Ends it; containers go on running. */
  stop(): Promise<void>;
  /** The machine shuts down: resolves when the pods have ended, as far as they are given time. */
  shutDown(): Promise<void>;
}

/** Resolves when the kubelet runs. Throws UserError. */
export async function startKubelet(parts: KubeletParts): Promise<RunningKubelet> {
  const { environment, configuration, signal, node } = parts;
  for (const line of unusedSettings(configuration)) environment.log.warn(line);
  adjustOomScore(configuration, environment);
  const { client, heartbeats, events } = clientsOf(parts);
  const kubelet = new Kubelet({
    ...parts,
    fileSystem: realFileSystem(),
    processes: realProcesses(),
    network: realNetwork(),
    sockets: realGrpcSockets(),
    keys: realPrivateKeys(),
    client,
    heartbeats,
    events: new EventRecorder({
      client: events,
      environment,
      component: NAME,
      host: node.name,
      lingerMs: LINGER_MS,
      signal,
    }),
    ...channelsOf(configuration),
    openGrpc: ({ host, port }) => openGrpcChannel({ host, port }),
    node: { ...node, architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' },
  });
  const servers = await serve(parts, kubelet.servers());
  signal.addEventListener('abort', () => {
    for (const server of servers) server.close().catch(() => {});
  });
  try {
    await kubelet.start();
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    await kubelet.stop({ stopPods: false });
    throw new UserError(`Cannot start the kubelet: ${messageOf(error)}`);
  }
  const { clientAuthority } = parts.serving;
  return {
    setServing(pair) {
      const [whole] = configuration.enableServer ? servers : [];
      whole?.setTls(tlsOf(configuration, { ...pair, clientAuthority }));
    },
    stop: () => kubelet.stop({ stopPods: false }),
    shutDown: () => kubelet.shutDown(),
  };
}

/** Requests, events and heartbeats each have a limit of their own; the last none. */
function clientsOf({ handler, token, environment, configuration, signal }: KubeletParts) {
  const credentials = token === undefined ? {} : { token };
  const { kubeAPIQPS, kubeAPIBurst, eventRecordQPS, eventBurst } = configuration;
  const as = (road: Handler): RestClient =>
    new RestClient({ handler: road, environment, userAgent: NAME, signal, ...credentials });
  const held = (perSecond: number, burst: number): RestClient =>
    as(throttled(handler, { perSecond, burst }, environment));
  return {
    client: held(kubeAPIQPS, kubeAPIBurst),
    events: held(eventRecordQPS, eventBurst),
    heartbeats: as(handler),
  };
}

function channelsOf({
  containerRuntimeEndpoint,
  imageServiceEndpoint = '',
}: KubeletConfiguration): {
  readonly runtime: GrpcChannel;
  readonly images?: GrpcChannel;
} {
  const runtime = openGrpcChannel({ socketPath: socketOf(containerRuntimeEndpoint) });
  if (imageServiceEndpoint === '' || imageServiceEndpoint === containerRuntimeEndpoint)
    return { runtime };
  return { runtime, images: openGrpcChannel({ socketPath: socketOf(imageServiceEndpoint) }) };
}

/** `unix:///run/containerd/containerd.sock`, or the path alone. Throws UserError. */
function socketOf(endpoint: string): string {
  const path = endpoint.replace(/^unix:(?:\/\/)?/, '');
  if (path.startsWith('/')) return path;
  throw new UserError(
    `Cannot use the endpoint ${JSON.stringify(endpoint)}: give a unix socket (unix:///run/containerd/containerd.sock)`,
  );
}

function tlsOf(
  configuration: KubeletConfiguration,
  { certificate, key, clientAuthority }: KubeletParts['serving'],
): ServerTls {
  return {
    cert: certificate,
    key,
    ...(clientAuthority === undefined ? {} : { clientCa: clientAuthority }),
    ...tlsLimits(configuration),
  };
}

/** That of all pages is the first, where it is there. Throws UserError that names the port that cannot be had. */
async function serve(
  { configuration, serving }: KubeletParts,
  handlers: KubeletServers,
): Promise<RunningHttpServer[]> {
  const { address: host, port, readOnlyPort = 0, healthzPort, healthzBindAddress } = configuration;
  const tls = tlsOf(configuration, serving);
  const wanted = [
    ...(configuration.enableServer ? [{ handler: handlers.whole, host, port, tls }] : []),
    ...(readOnlyPort === 0 ? [] : [{ handler: handlers.readOnly, host, port: readOnlyPort }]),
    ...(healthzPort === 0
      ? []
      : [{ handler: handlers.health, host: healthzBindAddress, port: healthzPort }]),
  ];
  const servers: RunningHttpServer[] = [];
  for (const options of wanted)
    try {
      servers.push(await serveHttp(options));
    } catch (error) {
      await Promise.all(servers.map((server) => server.close()));
      throw new UserError(`Cannot listen on ${options.host}:${options.port}: ${messageOf(error)}`);
    }
  return servers;
}

/** Where the kernel does not let us, the kubelet runs as it is. */
function adjustOomScore({ oomScoreAdj }: KubeletConfiguration, { log }: Environment): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(oomScoreAdj));
  } catch (error) {
    log.info('cannot apply oomScoreAdj', { oomScoreAdj, error: messageOf(error) });
  }
}
