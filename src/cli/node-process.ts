/**
 * The node process: kubelet, service proxy, network policies and DNS of one node. Each has its own
 * certificate, but for the policies, which have that of the proxy.
 *
 * It reaches the control plane over HTTPS alone, waits for it as long as it takes, and leaves the
 * containers running when it ends.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '#base/env.ts';
import { EventRecorder } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { RestClient } from '#client/rest.ts';
import { resolversOf } from '#dns/resolv-conf.ts';
import { DnsServer } from '#dns/server.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realFileSystem } from '#edge/file-system.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { httpClient } from '#edge/http-client.ts';
import { serveHttp } from '#edge/http-server.ts';
import { realNetwork } from '#edge/network.ts';
import { realProcesses } from '#edge/processes.ts';
import { SUBJECT_ACCESS_REVIEW } from '#api/authorization/subject-access-review.ts';
import { Kubelet } from '#kubelet/kubelet.ts';
import { cniConfigList } from '#kubelet/network/cni-config.ts';
import type { KubeletAccess } from '#kubelet/server/server.ts';
import { NetworkPolicyEnforcer } from '#network-policy/enforcer.ts';
import { Proxy } from '#proxy/proxy.ts';
import { type ClusterConfig, readClusterConfig } from './cluster-config.ts';
import { clusterPki } from './cluster-pki.ts';
import { type DataDirectory, dataDirectoryAt } from './data-directory.ts';
import { serveKubelet } from './kubelet-server.ts';
import { bridgeName, linkAddress, NodeNetwork } from './node-network.ts';
import { nodeLayout, SANDBOX_IMAGE } from './node-layout.ts';
import { type ClusterPki, type KeyPair, nodeCertificates } from './pki.ts';
import { UserError } from './user-error.ts';

const RESOLV_CONF = '/etc/resolv.conf';

/** Runs until SIGTERM or SIGINT. */
export async function runNode(dataPath: string): Promise<void> {
  const environment = realEnvironment();
  const data = dataDirectoryAt(dataPath);
  const config = readClusterConfig(data);
  if (config === undefined)
    throw new UserError(
      `Cannot run a node of ${data.path}: there is no cluster. Make one with cox up.`,
    );
  const stopping = new AbortController();
  const stop = await startNode({ environment, data, config, signal: stopping.signal });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  stopping.abort();
  await stop();
}

interface NodeParts {
  readonly environment: Environment;
  readonly data: DataDirectory;
  readonly config: ClusterConfig;
  readonly signal: AbortSignal;
}

async function startNode(parts: NodeParts): Promise<() => Promise<void>> {
  const { environment, data, config, signal } = parts;
  const pki = clusterPki(data, config, environment.clock.now());
  const certificates = nodeCertificates(pki, {
    name: config.nodeName,
    addresses: [config.nodeAddress],
  });
  const connect = connector(parts, pki);
  const client = connect(certificates.client, 'kubelet');
  const kubelet = createKubelet(parts, client);
  const server = await serveKubelet({
    handler: kubelet.server((access) => mayAccess(client, access)),
    address: config.nodeAddress,
    port: config.kubeletPort,
    authority: pki.authority.certificate,
    identity: certificates.server,
  });
  await kubelet.start();
  await Promise.all([
    startProxy(parts, connect(pki.proxy, 'kube-proxy')),
    startNetworkPolicies(parts, connect(pki.proxy, 'network-policy')),
    startDns(parts, connect(pki.dns, 'coredns')),
  ]);
  environment.log.info('node is ready', { node: config.nodeName });
  signal.addEventListener('abort', () => {
    server.close().catch(() => {});
  });
  return () => kubelet.stop({ stopPods: false });
}

/** Asks the API server, as upstream's kubelet does with --authorization-mode=Webhook. */
async function mayAccess(client: RestClient, access: KubeletAccess): Promise<boolean> {
  const { user, verb, subresource, nodeName } = access;
  const review = await client.create(SUBJECT_ACCESS_REVIEW, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: user.name,
      groups: [...user.groups],
      resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName },
    },
    status: { allowed: false },
  });
  return review.status?.allowed === true;
}

type Connect = (identity: KeyPair, userAgent: string) => RestClient;

function connector({ config, environment, signal }: NodeParts, pki: ClusterPki): Connect {
  return (identity, userAgent) => {
    const http = httpClient({
      host: config.listenHost,
      port: config.listenPort,
      tls: { ca: pki.authority.certificate, cert: identity.certificate, key: identity.key },
    });
    signal.addEventListener('abort', () => http.close());
    return new RestClient({ handler: http.handler, environment, userAgent, signal });
  };
}

function createKubelet(
  { environment, data, config, signal }: NodeParts,
  client: RestClient,
): Kubelet {
  const layout = nodeLayout(data);
  const fileSystem = realFileSystem();
  const processes = realProcesses();
  return new Kubelet({
    environment,
    fileSystem,
    processes,
    network: realNetwork(),
    client,
    events: new EventRecorder({
      client,
      environment,
      component: 'kubelet',
      host: config.nodeName,
      signal,
    }),
    runtime: openGrpcChannel({ socketPath: layout.containerdSocket }),
    openGrpc: ({ host, port }) => openGrpcChannel({ host, port }),
    node: {
      name: config.nodeName,
      hostname: hostname(),
      ips: [config.nodeAddress],
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      labels: {},
      taints: [],
      serverPort: config.kubeletPort,
    },
    rootDirectory: layout.kubeletRoot,
    logRoot: layout.podLogs,
    cgroupRoot: `/${layout.cgroup}`,
    clusterDns: [config.dnsAddress],
    clusterDomain: config.clusterDomain,
    sandboxImage: SANDBOX_IMAGE,
    resolverConfigPath: RESOLV_CONF,
    onPodCidrs: async (cidrs) => {
      const bridge = bridgeName(data.hash);
      const network = new NodeNetwork({
        hash: data.hash,
        processes,
        clusterPodCidr: config.podCidr,
        serviceCidr: config.serviceClusterIpRange,
        dnsAddress: config.dnsAddress,
        nodeAddress: config.nodeAddress,
      });
      for (const cidr of cidrs) await network.setPodCidr(cidr);
      const text = cniConfigList({
        podCidrs: cidrs,
        bridge,
        stateDirectory: layout.cniDataDirectory,
        masquerade: false,
      });
      mkdirSync(layout.cniConfigDirectory, { recursive: true });
      await fileSystem.writeFileAtomic(
        join(layout.cniConfigDirectory, '10-coxswain.conflist'),
        text,
      );
    },
  });
}

async function startProxy(
  { environment, data, config, signal }: NodeParts,
  client: RestClient,
): Promise<void> {
  const informers = new InformerFactory({ client, environment });
  const proxy = new Proxy({
    environment,
    informers,
    processes: realProcesses(),
    events: new EventRecorder({
      client,
      environment,
      component: 'kube-proxy',
      host: config.nodeName,
      signal,
    }),
    listen: (port, handler) => serveHttp({ handler, host: '0.0.0.0', port }),
    node: { name: config.nodeName, ownAddresses: [config.dnsAddress] },
    table: {
      table: nodeLayout(data).nftTable,
      podRange: config.podCidr,
      serviceRange: config.serviceClusterIpRange,
      podInterface: bridgeName(data.hash),
      masqueradeAll: !bridgeShowsFrames(),
    },
  });
  informers.start(signal);
  await proxy.start(signal);
}

async function startNetworkPolicies(
  { environment, data, config, signal }: NodeParts,
  client: RestClient,
): Promise<void> {
  const informers = new InformerFactory({ client, environment });
  const bridge = bridgeName(data.hash);
  const enforcer = new NetworkPolicyEnforcer({
    environment,
    informers,
    processes: realProcesses(),
    fileSystem: realFileSystem(),
    node: config.nodeName,
    table: {
      table: nodeLayout(data).networkPolicyTable,
      podRange: config.podCidr,
      bridge: { name: bridge, address: linkAddress(bridge) },
    },
  });
  informers.start(signal);
  await enforcer.start(signal);
}

/** Whether frames between ports of a bridge pass netfilter (br_netfilter is loaded and on). */
function bridgeShowsFrames(): boolean {
  const path = '/proc/sys/net/bridge/bridge-nf-call-iptables';
  return existsSync(path) && readFileSync(path, 'utf8').trim() === '1';
}

async function startDns(
  { environment, config, signal }: NodeParts,
  client: RestClient,
): Promise<void> {
  const informers = new InformerFactory({ client, environment });
  const dns = new DnsServer({
    environment,
    network: realNetwork(),
    informers,
    addresses: [config.dnsAddress],
    clusterDomain: config.clusterDomain,
    ownRanges: [config.podCidr, config.serviceClusterIpRange],
    resolvers: () =>
      existsSync(RESOLV_CONF)
        ? resolversOf(readFileSync(RESOLV_CONF, 'utf8'), [config.dnsAddress])
        : [],
  });
  informers.start(signal);
  await dns.start(signal);
}
