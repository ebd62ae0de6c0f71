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
import { EventRecorder } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { RestClient } from '#client/rest.ts';
import { HEALTH_PORT, METRICS_PORT, READY_PORT } from '#dns/pages.ts';
import { resolversOf } from '#dns/resolv-conf.ts';
import { realEnvironment } from '#edge/environment.ts';
import { realFileSystem } from '#edge/file-system.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { httpClient } from '#edge/http-client.ts';
import { serveHttp } from '#edge/http-server.ts';
import { realNetwork } from '#edge/network.ts';
import { realProcesses } from '#edge/processes.ts';
import { SUBJECT_ACCESS_REVIEW } from '#api/authorization/subject-access-review.ts';
import { Kubelet } from '#kubelet/kubelet.ts';
import { KUBELET_VERSION } from '#kubelet/node/node-object.ts';
import { cniConfigList } from '#kubelet/network/cni-config.ts';
import type { KubeletAccess } from '#kubelet/server/server.ts';
import { NetworkPolicyEnforcer } from '#network-policy/enforcer.ts';
import { PodNetwork, tunnelMtu } from '#pod-network/pod-network.ts';
import { Proxy } from '#proxy/proxy.ts';
import { serveKubelet } from './kubelet-server.ts';
import { type NodeConfig, type NodeIdentity, readNode } from './node-config.ts';
import { type NodeDirectory, nodeDirectoryAt } from './node-directory.ts';
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
import { readTextIfThere } from './files.ts';
import { resolverFile } from './resolver-file.ts';
import { runningPid } from './supervisor.ts';
import { UserError } from './user-error.ts';

/**
 * Upstream's, but that of a disk so many bytes have to be free, not a tenth: the machine is its
 * user's too, and a tenth of a large disk is much.
 */
const EVICTION_HARD = {
  'memory.available': '100Mi',
  'nodefs.available': '1Gi',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '1Gi',
  'imagefs.inodesFree': '5%',
};

/** Runs until SIGTERM or SIGINT. */
export async function runNode(path: string): Promise<void> {
  const environment = realEnvironment();
  const directory = nodeDirectoryAt(path);
  const node = readNode(directory);
  if (node === undefined)
    throw new UserError(
      `Cannot run a node of ${directory.path}: none was set up there. Make a cluster with cox up.`,
    );
  const stopping = new AbortController();
  const stop = await startNode({ environment, directory, ...node, signal: stopping.signal });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  stopping.abort();
  await stop();
}

interface NodeParts {
  readonly environment: Environment;
  readonly directory: NodeDirectory;
  readonly config: NodeConfig;
  readonly identity: NodeIdentity;
  readonly signal: AbortSignal;
}

async function startNode(parts: NodeParts): Promise<() => Promise<void>> {
  const { environment, config, identity, signal } = parts;
  const connect = connector(parts);
  const client = connect(identity.kubeletClient, 'kubelet');
  const kubelet = createKubelet(parts, client);
  const server = await serveKubelet({
    handler: kubelet.server((access) => mayAccess(client, access)),
    address: config.address,
    port: config.kubeletPort,
    authority: identity.authority,
    identity: identity.kubeletServer,
  });
  await kubelet.start();
  await Promise.all([
    startProxy(parts, connect(identity.proxy, 'kube-proxy')),
    startNetworkPolicies(parts, connect(identity.proxy, 'network-policy')),
    startPodNetwork(parts, connect(identity.proxy, 'pod-network')),
    startDns(parts, connect(identity.dns, 'coredns')),
  ]);
  environment.log.info('node is ready', { node: config.name });
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

function connector({ config, identity, environment, signal }: NodeParts): Connect {
  return ({ certificate, key }, userAgent) => {
    const http = httpClient({
      ...config.apiServer,
      tls: { ca: identity.authority, cert: certificate, key },
    });
    signal.addEventListener('abort', () => http.close());
    return new RestClient({ handler: http.handler, environment, userAgent, signal });
  };
}

function createKubelet(
  { environment, directory, config, signal }: NodeParts,
  client: RestClient,
): Kubelet {
  const layout = nodeLayout(directory);
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
      host: config.name,
      signal,
    }),
    runtime: openGrpcChannel({ socketPath: layout.containerdSocket }),
    openGrpc: ({ host, port }) => openGrpcChannel({ host, port }),
    node: {
      name: config.name,
      hostname: config.hostname,
      ips: [config.address],
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      labels: {},
      taints: [],
      serverPort: config.kubeletPort,
    },
    runtimePid: () => Promise.resolve(runningPid(directory.run, 'containerd')),
    staticPodPath: layout.staticPods,
    eviction: { evictionHard: EVICTION_HARD },
    rootDirectory: layout.kubeletRoot,
    logRoot: layout.podLogs,
    cgroupRoot: `/${layout.cgroup}`,
    clusterDns: [config.dnsAddress],
    clusterDomain: config.clusterDomain,
    sandboxImage: SANDBOX_IMAGE,
    resolverConfigPath: resolverFile(),
    onPodCidrs: async (cidrs) => {
      const bridge = bridgeName(directory.hash);
      const network = new NodeNetwork({
        hash: directory.hash,
        processes,
        clusterPodCidr: config.podCidr,
        serviceCidr: config.serviceClusterIpRange,
        dnsAddress: config.dnsAddress,
        nodeAddress: config.address,
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

async function startProxy(
  { environment, directory, config, signal }: NodeParts,
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
      host: config.name,
      signal,
    }),
    listen: (port, handler) => serveHttp({ handler, host: '0.0.0.0', port }),
    node: { name: config.name, ownAddresses: [config.dnsAddress] },
    table: {
      table: nodeLayout(directory).nftTable,
      podRange: config.podCidr,
      serviceRange: config.serviceClusterIpRange,
      podInterface: bridgeName(directory.hash),
      masqueradeAll: !bridgeShowsFrames(),
    },
  });
  informers.start(signal);
  await proxy.start(signal);
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
      podRanges: [config.podCidr],
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
  const { name, address, sysfs } = config;
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
function mtuOf({ podNetwork, address, sysfs }: NodeConfig): { readonly mtu?: number } {
  return podNetwork === 'vxlan' ? { mtu: tunnelMtu(linkMtu(address, sysfs)) } : {};
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
  const { dnsAddress } = config;
  await serveDns({
    environment,
    client,
    signal,
    host: config.name,
    addresses: [dnsAddress],
    clusterDomain: config.clusterDomain,
    ownRanges: [config.podCidr, config.serviceClusterIpRange],
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
