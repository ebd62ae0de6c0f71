/**
 * The service proxy in the process of a node whose pods' network is ours, with the pages that
 * `cox proxy` has: health on the node's address, metrics on loopback, at upstream's ports.
 */
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { Environment } from '#base/env.ts';
import type { Processes } from '#base/doors.ts';
import type { Client } from '#client/client.ts';
import { EventRecorder } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { serveHttp } from '#edge/http-server.ts';
import { nodeTables } from '#proxy/node-tables.ts';
import { Proxy } from '#proxy/proxy.ts';
import { familiesIn } from '../cluster-ranges.ts';
import { componentRegistry } from '../component/process-metrics.ts';
import { loadBalancerRanges } from '../load-balancer.ts';
import type { NodeConfig } from '../node-config.ts';
import { configOf, type ProxyConfig } from './config.ts';
import { metricsPages } from './pages.ts';
import { servePages } from './serve.ts';

export interface NodeProxyParts {
  readonly environment: Environment;
  readonly client: Client;
  readonly processes: Processes;
  readonly signal: AbortSignal;
  readonly config: NodeConfig;
  /** Name of the nft table. */
  readonly table: string;
  /** The bridge that pods of this node hang on. */
  readonly podInterface: string;
  /** Hide the source of all traffic to Services. */
  readonly masqueradeAll: boolean;
  /** Where it serves its pages, if not at upstream's ports. */
  readonly pages?: Partial<Pick<ProxyConfig, 'healthzBindAddress' | 'metricsBindAddress'>>;
}

/** Resolves when the kernel has the rules. */
export async function startNodeProxy(parts: NodeProxyParts): Promise<void> {
  const { environment, client, processes, signal, config } = parts;
  const { table, podInterface, masqueradeAll } = parts;
  const settings = nodeProxyConfig(parts);
  const metrics = componentRegistry(new FeatureGates(), environment);
  const informers = new InformerFactory({ client, environment });
  const host = familiesIn(config.podCidr).includes(6) ? '::' : '0.0.0.0';
  const proxy = new Proxy({
    environment,
    informers,
    processes,
    events: new EventRecorder({
      client,
      environment,
      component: 'kube-proxy',
      host: config.name,
      signal,
    }),
    listen: (port, handler) => serveHttp({ handler, host, port }),
    node: {
      name: config.name,
      ownAddresses: config.dnsInPods === true ? [] : [config.dnsAddress],
    },
    tables: nodeTables({
      table,
      podRange: config.podCidr,
      serviceRange: config.serviceClusterIpRange,
      loadBalancerRanges: loadBalancerRanges(config),
      podInterface,
      masqueradeAll,
    }),
    metrics,
  });
  const close = await servePages({
    health: proxy.health.handler,
    metrics: metricsPages({ metrics, config: settings, clock: environment.clock }),
    config: settings,
    environment,
  });
  signal.addEventListener('abort', () => {
    close().catch(() => {});
  });
  informers.start(signal);
  await proxy.start(signal);
}

/** As the node works, for `/configz`: connection tracking is left as the machine has it. */
export function nodeProxyConfig({
  config,
  masqueradeAll,
  pages,
}: Pick<NodeProxyParts, 'config' | 'masqueradeAll' | 'pages'>): ProxyConfig {
  return configOf({
    hostnameOverride: config.name,
    bindAddress: config.address,
    // Each node of a machine has its own address, and the first shares others with its user.
    healthzBindAddress: config.address,
    ...pages,
    mode: 'nftables',
    nftables: { masqueradeBit: 14, masqueradeAll, syncPeriod: '30s', minSyncPeriod: '0s' },
    detectLocalMode: 'ClusterCIDR',
    clusterCIDR: config.podCidr,
    oomScoreAdj: 0,
    conntrack: {
      maxPerCore: 0,
      min: 0,
      tcpEstablishedTimeout: '0s',
      tcpCloseWaitTimeout: '0s',
      tcpBeLiberal: false,
      udpTimeout: '0s',
      udpStreamTimeout: '0s',
    },
  });
}
