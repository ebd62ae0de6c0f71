/**
 * The node process: kubelet, service proxy, network policies, routes to other nodes and DNS of one
 * node. Each has its own certificate, but for policies and routes, which have that of the proxy.
 *
 * It reaches the control plane over HTTPS alone, waits for it as long as it takes, and leaves the
 * containers running when it ends.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { RestClient } from '#client/rest.ts';
import { HEALTH_PORT, METRICS_PORT, READY_PORT } from '#dns/pages.ts';
import { resolversOf } from '#dns/resolv-conf.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realFileSystem } from '#edge/file-system.ts';
import type { HttpClient } from '#edge/http-client.ts';
import { apiRoad } from './api-road.ts';
import { realProcesses } from '#edge/processes.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { KUBELET_VERSION } from '#kubelet/node/node-object.ts';
import { cniConfigList } from '#kubelet/network/cni-config.ts';
import { NetworkPolicyEnforcer } from '#network-policy/enforcer.ts';
import { PodNeighbours } from '#pod-network/neighbours.ts';
import { PodNetwork, tunnelMtu } from '#pod-network/pod-network.ts';
import { AuthorityLoop, type AuthorityLoopOptions } from './authority-loop.ts';
import { familyOf, rangesIn } from './cluster-ranges.ts';
import { logOptions } from './kubelet/log-options.ts';
import { type RunningKubelet, startKubelet } from './kubelet/start.ts';
import { startAnnouncer } from './load-balancer.ts';
import { keepCertificates } from './node-certificates.ts';
import {
  addressesOf,
  type NodeConfig,
  type NodeIdentity,
  readNode,
  writeNodeAuthority,
} from './node-config.ts';
import { type NodeDirectory, nodeDirectoryAt } from './node-directory.ts';
import { nodeKubeletConfiguration } from './node-kubelet.ts';
import { nodeLayout, SANDBOX_IMAGE } from './node-layout.ts';
import {
  bridgeName,
  bridgePorts,
  linkAddress,
  linkMtu,
  NodeNetwork,
  tunnelName,
} from './node-network.ts';
import { serveDns } from './dns/serve.ts';
import type { KeyPair } from './pki.ts';
import { startNodeProxy } from './proxy/node-proxy.ts';
import { readTextIfThere } from './files.ts';
import { after, becomesReady } from './readiness.ts';
import { resolverFile } from './resolver-file.ts';
import { runningPid } from './supervisor.ts';
import { UserError } from './user-error.ts';

/** Runs until SIGTERM or SIGINT. */
export async function runNode(path: string): Promise<void> {
  const directory = nodeDirectoryAt(path);
  const node = readNode(directory);
  if (node === undefined)
    throw new UserError(
      `Cannot run a node of ${directory.path}: none was set up there. Make a cluster with cox up, or join one with cox join.`,
    );
  const kubelet = nodeKubeletConfiguration(node.config, directory);
  const environment = realEnvironment(logOptions(kubelet));
  const stopping = new AbortController();
  const { signal } = stopping;
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
  // Whoever keeps the process running starts it again, with the files as they are then.
  const parts = { environment, directory, ...node, kubelet, signal, startAnew: end };
  const stop = await startNode(parts);
  await ended;
  stopping.abort();
  await stop();
}

/** Then requests go, come what may: a node may not be allowed to know whether the server is ready. */
const READY_WAIT_MS = 30_000;

interface NodeParts {
  readonly environment: Environment;
  readonly directory: NodeDirectory;
  readonly config: NodeConfig;
  readonly identity: NodeIdentity;
  /** What the kubelet of the process is to do. */
  readonly kubelet: KubeletConfiguration;
  readonly signal: AbortSignal;
  /** Ends the process. */
  readonly startAnew: () => void;
}

async function startNode(parts: NodeParts): Promise<() => Promise<void>> {
  const { environment, config, identity } = parts;
  const roads: HttpClient[] = [];
  const road = roadAs(parts, identity.kubeletClient, roads);
  const connect = connector(
    parts,
    roads,
    becomesReady({ handler: road, environment, signal: parts.signal, waitMs: READY_WAIT_MS }),
  );
  const kubelet = await startNodeKubelet(parts, road);
  const client = connect(identity.kubeletClient, 'kubelet');
  let shown = identity.kubeletClient.certificate;
  if (config.rotatesCertificates === true) {
    keepCertificates({
      ...parts,
      client,
      onClient: (tls) => {
        shown = tls.cert ?? shown;
        for (const road of roads) road.setTls(tls, { breaksOff: true });
      },
      onServer: (pair) => kubelet.setServing(pair),
    });
  }
  keepAuthority(parts, { client, shownCertificate: () => shown });
  await Promise.all([
    startProxy(parts, connect(identity.proxy, 'kube-proxy')),
    startNetworkPolicies(parts, connect(identity.proxy, 'network-policy')),
    startPodNetwork(parts, connect(identity.proxy, 'pod-network')),
    startAnnouncer({ ...parts, client: connect(identity.proxy, 'load-balancer') }),
    ...(config.dnsInPods === true ? [] : [startDns(parts, connect(identity.dns, 'coredns'))]),
  ]);
  environment.log.info('node is ready', { node: config.name });
  return () => kubelet.stop();
}

/** A joined machine learns of another authority from its cluster, the others from who made them. */
function keepAuthority(
  { environment, signal, directory, config, identity, startAnew }: NodeParts,
  road: Pick<AuthorityLoopOptions, 'client' | 'shownCertificate'>,
): void {
  const loop = new AuthorityLoop({
    ...road,
    environment,
    node: config.name,
    authority: identity.authority,
    follows: config.rotatesCertificates === true,
    onAuthority(authority) {
      writeNodeAuthority(directory, authority);
      startAnew();
    },
  });
  loop.run(signal).catch((error: unknown) => {
    environment.log.error('the authority is not followed any more', { error: String(error) });
  });
}

type Connect = (identity: KeyPair, userAgent: string) => RestClient;

/** `roads` gets each connection that is made; nothing is sent by them before `ready`. */
function connector(parts: NodeParts, roads: HttpClient[], ready: Promise<unknown>): Connect {
  const { environment, signal } = parts;
  return (identity, userAgent) =>
    new RestClient({
      handler: after(ready, roadAs(parts, identity, roads)),
      environment,
      userAgent,
      signal,
    });
}

/** To the API server, until the node ends. */
function roadAs(
  { config, identity, signal }: NodeParts,
  { certificate, key }: KeyPair,
  roads: HttpClient[],
): Handler {
  const http = apiRoad({
    ...config.apiServer,
    tls: { ca: identity.authority, cert: certificate, key },
  });
  roads.push(http);
  signal.addEventListener('abort', () => http.close());
  return http.handler;
}

/** `handler`: to the API server, as the kubelet. */
function startNodeKubelet(parts: NodeParts, handler: Handler): Promise<RunningKubelet> {
  const { environment, directory, config, identity, signal } = parts;
  const layout = nodeLayout(directory);
  const fileSystem = realFileSystem();
  const processes = realProcesses();
  const bridge = bridgeName(directory.hash);
  const neighbours = new PodNeighbours({ environment, fileSystem, processes, bridge });
  return startKubelet({
    environment,
    signal,
    handler,
    node: {
      name: config.name,
      hostname: config.hostname,
      ips: addressesOf(config),
      labels: {},
    },
    configuration: parts.kubelet,
    serving: { ...identity.kubeletServer, clientAuthority: identity.authority },
    runtimePid: () => Promise.resolve(runningPid(directory.run, 'containerd')),
    rootDirectory: layout.kubeletRoot,
    sandboxImage: SANDBOX_IMAGE,
    onPodAddresses: (addresses) => neighbours.forget(addresses),
    onPodCidrs: async (cidrs) => {
      const network = new NodeNetwork({
        hash: directory.hash,
        processes,
        clusterPodCidr: config.podCidr,
        serviceCidr: config.serviceClusterIpRange,
        dnsAddress: config.dnsAddress,
        nodeAddresses: addressesOf(config),
        sysfs: config.sysfs,
      });
      for (const cidr of cidrs) await network.setPodCidr(cidr);
      const text = cniConfigList({
        podCidrs: cidrs,
        bridge,
        stateDirectory: layout.cniDataDirectory,
        masquerade: false,
        ...mtuOf(config),
      });
      mkdirSync(layout.cniConfigDirectory, { recursive: true });
      await fileSystem.writeFileAtomic(
        join(layout.cniConfigDirectory, '10-coxswain.conflist'),
        text,
      );
    },
  });
}

function startProxy(
  { environment, directory, config, signal }: NodeParts,
  client: RestClient,
): Promise<void> {
  return startNodeProxy({
    environment,
    client,
    processes: realProcesses(),
    signal,
    config,
    table: nodeLayout(directory).nftTable,
    podInterface: bridgeName(directory.hash),
    masqueradeAll: !bridgeShowsFrames(rangesIn(config.podCidr)),
  });
}

async function startNetworkPolicies(
  { environment, directory, config, signal }: NodeParts,
  client: RestClient,
): Promise<void> {
  const informers = new InformerFactory({ client, environment });
  const bridge = bridgeName(directory.hash);
  const { sysfs } = config;
  const enforcer = new NetworkPolicyEnforcer({
    environment,
    informers,
    processes: realProcesses(),
    portsOfBridge: () => bridgePorts(bridge, sysfs),
    node: config.name,
    table: {
      table: nodeLayout(directory).networkPolicyTable,
      podRanges: rangesIn(config.podCidr),
      bridge: { name: bridge, address: linkAddress(bridge, sysfs) },
    },
  });
  informers.start(signal);
  await enforcer.start(signal);
}

async function startPodNetwork(
  { environment, directory, config, signal }: NodeParts,
  client: RestClient,
): Promise<void> {
  const informers = new InformerFactory({ client, environment });
  const { name, sysfs } = config;
  const address = tunnelledBy(config);
  const podNetwork = new PodNetwork({
    environment,
    informers,
    processes: realProcesses(),
    node: { name, address, linkMtu: linkMtu(address, sysfs) },
    mode: config.podNetwork,
    tunnelDevice: tunnelName(directory.hash),
  });
  informers.start(signal);
  await podNetwork.start(signal);
}

/** Of the pods' interfaces: what leaves in a tunnel must leave room for its headers. */
function mtuOf(config: NodeConfig): { readonly mtu?: number } {
  return config.podNetwork === 'vxlan'
    ? { mtu: tunnelMtu(linkMtu(tunnelledBy(config), config.sysfs)) }
    : {};
}

/** The address that a tunnel goes by. */
function tunnelledBy(config: NodeConfig): string {
  return addressesOf(config).find((each) => familyOf(each) === 4) ?? config.address;
}

/** Whether frames between ports of a bridge pass netfilter (br_netfilter is loaded and on). */
function bridgeShowsFrames(podRanges: readonly string[]): boolean {
  return podRanges.every((range) => {
    const name = familyOf(range) === 4 ? 'iptables' : 'ip6tables';
    const path = `/proc/sys/net/bridge/bridge-nf-call-${name}`;
    return existsSync(path) && readFileSync(path, 'utf8').trim() === '1';
  });
}

async function startDns(
  { environment, config, signal }: NodeParts,
  client: RestClient,
): Promise<void> {
  const { dnsAddress } = config;
  await serveDns({
    environment,
    client,
    signal,
    host: config.name,
    addresses: [dnsAddress],
    clusterDomain: config.clusterDomain,
    ownRanges: [config.podCidr, config.serviceClusterIpRange].flatMap(rangesIn),
    resolvers: () => resolversOf(readTextIfThere(resolverFile()) ?? '', [dnsAddress]),
    version: KUBELET_VERSION,
    // On the address of the DNS alone, which is the node's own.
    pages: {
      host: dnsAddress,
      metricsPort: METRICS_PORT,
      healthPort: HEALTH_PORT,
      readyPort: READY_PORT,
    },
  });
}
