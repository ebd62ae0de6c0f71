/**
 * The DNS server of a node: UDP and TCP on the cluster's DNS address, which every node has on an
 * interface of its own. So pods ask their own node, and no Service rule is in between. Answers as
 * CoreDNS does with the Corefile of kubeadm.
 */
import type { DatagramSocket, Network } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { parseCidr, parseIp, rangeContains } from '#base/ip.ts';
import { MetricRegistry } from '#base/metrics.ts';
import type { EventRecorder } from '#client/events.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import type { Zone } from './answer.ts';
import { stubServersOf } from './config.ts';
import { ConfigWatch } from './config-watch.ts';
import { Connections } from './connections.ts';
import { Forwarder } from './forwarder.ts';
import { DnsMetrics } from './metrics.ts';
import { NodeResolvers } from './node-resolvers.ts';
import { programmingSeconds } from './programming.ts';
import { Resolver } from './resolver.ts';
import { serveConnection } from './tcp.ts';
import { Upstreams } from './upstreams.ts';
import { InformerView } from './view.ts';

/** Seconds, as kubeadm configures CoreDNS. */
const TTL_SECONDS = 30;
const DNS_PORT = 53;
const TCP_LIMITS = { max: 200, maxOfClient: 50 };

export interface DnsServerOptions {
  readonly environment: Environment;
  readonly network: Network;
  readonly informers: InformerFactory;
  /** The addresses of the zone's own server name. */
  readonly addresses: readonly string[];
  /** Where to listen, where that is not the same: in a pod, whose Service has those addresses. */
  readonly listenAddresses?: readonly string[];
  readonly port?: number;
  readonly clusterDomain: string;
  /** CIDRs of pods and Services: their reverse names are nobody else's. */
  readonly ownRanges: readonly string[];
  /** Resolvers of the node, for all names that nobody else is configured for; asked at most once a second. */
  resolvers(): readonly string[];
  readonly resolverPort?: number;
  /** Where queries are counted. */
  readonly metrics?: MetricRegistry;
  /** Who tells of a configuration that cannot be read. */
  readonly events?: Pick<EventRecorder, 'event'>;
  /** The version of this server, for `coredns_build_info`. */
  readonly version?: string;
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #view: InformerView;
  readonly #resolver: Resolver;
  readonly #config: ConfigWatch;
  readonly #stopping = new AbortController();
  readonly #closers: (() => unknown)[] = [];
  readonly #connections = new Connections(TCP_LIMITS);
  #isListening = false;

  constructor(options: DnsServerOptions) {
    const { environment, network, port = DNS_PORT } = options;
    const clusterDomain = options.clusterDomain.toLowerCase();
    const metrics = new DnsMetrics(options.metrics ?? new MetricRegistry(), `dns://:${port}`);
    if (options.version !== undefined) metrics.build({ version: options.version });
    const { signal } = this.#stopping;
    const upstreams = new Upstreams({ environment, network, metrics, signal });
    const ofNode = new NodeResolvers(options);
    this.#options = options;
    this.#view = new InformerView(options.informers);
    this.#resolver = new Resolver({
      environment,
      metrics,
      upstreams,
      view: this.#view,
      zone: this.#zone(clusterDomain),
      settings: () => this.#config.current,
      forwarder: new Forwarder({
        environment,
        network,
        metrics,
        upstreams,
        servers: (name) =>
          stubServersOf(this.#config.current, name) ??
          this.#config.current.upstreamNameservers ??
          ofNode.addresses(),
      }),
    });
    this.#config = new ConfigWatch({
      environment,
      informers: options.informers,
      ...(options.events === undefined ? {} : { events: options.events }),
      clusterDomain,
      ownAddresses: options.addresses,
      changed: () => {
        upstreams.forget();
        this.#resolver.forget();
      },
    });
    this.#measure(metrics);
  }

  /** Listens; names of the cluster are answered SERVFAIL until its state is known. */
  async start(signal: AbortSignal): Promise<void> {
    const { network, addresses, listenAddresses = addresses, port = DNS_PORT } = this.#options;
    signal.addEventListener('abort', () => this.#close());
    for (const host of listenAddresses) {
      const family = host.includes(':') ? 6 : 4;
      const socket: DatagramSocket = await network.bindUdp(
        { host, port },
        (message, fromPort, from) => {
          this.#answerDatagram(message, family, (bytes) => socket.send(bytes, fromPort, from));
        },
      );
      this.#closers.push(() => socket.close());
      const listener = await network.listenTcp({ host, port: socket.port }, (connection) =>
        serveConnection({
          environment: this.#options.environment,
          connection,
          connections: this.#connections,
          resolve: (message) => this.#resolver.resolve(message, { transport: 'tcp', family }),
        }),
      );
      this.#closers.push(() => listener.close());
    }
    this.#isListening = true;
    if (signal.aborted) this.#close();
  }

  /** Resolves when every name of the cluster can be answered. */
  synced(): Promise<void> {
    return this.#view.synced();
  }

  /** Whether it listens, and every name of the cluster can be answered. */
  get isReady(): boolean {
    return this.#isListening && this.#view.hasSynced;
  }

  #zone(domain: string): Zone {
    const { addresses, ownRanges } = this.#options;
    const ranges = ownRanges.flatMap((text) => parseCidr(text) ?? []);
    return {
      domain,
      addresses,
      ttlSeconds: TTL_SECONDS,
      owns: (text, name) => {
        const address = parseIp(text);
        const isInside =
          address !== undefined && ranges.some((range) => rangeContains(range, address));
        return isInside && stubServersOf(this.#config.current, name) === undefined;
      },
    };
  }

  #measure(metrics: DnsMetrics): void {
    const { clock } = this.#options.environment;
    this.#view.onSlice((slice, service) => {
      const seconds = programmingSeconds(slice, service, clock.now());
      if (seconds !== undefined) metrics.programmed(seconds);
    });
  }

  #close(): void {
    this.#isListening = false;
    this.#stopping.abort();
    for (const close of this.#closers.splice(0)) close();
  }

  #answerDatagram(message: Uint8Array, family: 4 | 6, send: (bytes: Uint8Array) => void): void {
    const result = this.#resolver.resolve(message, { transport: 'udp', family });
    if (result === undefined) return;
    if (!(result instanceof Promise)) return send(result);
    result
      .then((bytes) => {
        // The server may have been closed while another one was asked.
        if (!this.#stopping.signal.aborted) send(bytes);
      })
      .catch((error: unknown) => {
        this.#options.environment.log.warn('cannot answer', { error: String(error) });
      });
  }
}
