/**
 * The DNS server of a node: UDP and TCP on the cluster's DNS address, which every node has on an
 * interface of its own. So pods ask their own node, and no Service rule is in between.
 */
import type { Duplex } from 'node:stream';
import type { DatagramSocket, Network } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import { parseCidr, parseIp, rangeContains } from '#base/ip.ts';
import { Forwarder, frame, readFrames } from './forwarder.ts';
import { Resolver } from './resolver.ts';
import { InformerView } from './view.ts';

/** The specification leaves it open; CoreDNS's default. */
const TTL_SECONDS = 5;
const DNS_PORT = 53;
const TCP_CONNECTIONS_MAX = 200;
/** Queries of one connection under way; a client with more is cut off. */
const TCP_QUERIES_MAX = 100;
const TCP_IDLE_MS = 10_000;

export interface DnsServerOptions {
  readonly environment: Environment;
  readonly network: Network;
  readonly informers: InformerFactory;
  /** Where to listen; the first is the address of the zone's own server name. */
  readonly addresses: readonly string[];
  readonly port?: number;
  readonly clusterDomain: string;
  /** CIDRs of pods and Services: their reverse names are nobody else's. */
  readonly ownRanges: readonly string[];
  /** Resolvers for all other names, asked for when needed. */
  resolvers(): readonly string[];
  readonly resolverPort?: number;
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #view: InformerView;
  readonly #resolver: Resolver;
  readonly #closers: (() => unknown)[] = [];
  #connections = 0;
  #closed = false;

  constructor(options: DnsServerOptions) {
    const { environment, network, resolverPort } = options;
    const ranges = options.ownRanges.flatMap((text) => parseCidr(text) ?? []);
    this.#options = options;
    this.#view = new InformerView(options.informers);
    this.#resolver = new Resolver({
      environment,
      view: this.#view,
      zone: {
        domain: options.clusterDomain.toLowerCase(),
        address: options.addresses[0] ?? '',
        ttlSeconds: TTL_SECONDS,
        owns: (text) => {
          const address = parseIp(text);
          return address !== undefined && ranges.some((range) => rangeContains(range, address));
        },
      },
      forwarder: new Forwarder({
        environment,
        network,
        resolvers: () => options.resolvers(),
        ...(resolverPort === undefined ? {} : { port: resolverPort }),
      }),
    });
  }

  /** Listens; names of the cluster are answered SERVFAIL until its state is known. */
  async start(signal: AbortSignal): Promise<void> {
    const { network, addresses, port = DNS_PORT } = this.#options;
    signal.addEventListener('abort', () => this.#close());
    for (const host of addresses) {
      const socket: DatagramSocket = await network.bindUdp(
        { host, port },
        (message, fromPort, from) => {
          this.#answerDatagram(message, (bytes) => socket.send(bytes, fromPort, from));
        },
      );
      this.#closers.push(() => socket.close());
      const listener = await network.listenTcp({ host, port: socket.port }, (connection) =>
        this.#serve(connection),
      );
      this.#closers.push(() => listener.close());
    }
    if (signal.aborted) this.#close();
  }

  /** Resolves when every name of the cluster can be answered. */
  synced(): Promise<void> {
    return this.#view.synced();
  }

  #close(): void {
    this.#closed = true;
    for (const close of this.#closers.splice(0)) close();
  }

  #answerDatagram(message: Uint8Array, send: (bytes: Uint8Array) => void): void {
    const result = this.#resolver.resolve(message, 'udp');
    if (result === undefined) return;
    if (!(result instanceof Promise)) return send(result);
    result
      .then((bytes) => {
        // The server may have been closed while another one was asked.
        if (bytes !== undefined && !this.#closed) send(bytes);
      })
      .catch((error: unknown) => this.#logFailure(error));
  }

  #serve(connection: Duplex): void {
    if (this.#connections >= TCP_CONNECTIONS_MAX) {
      connection.destroy();
      return;
    }
    this.#connections++;
    let underWay = 0;
    const { timers } = this.#options.environment;
    const expire = (): void => {
      connection.destroy();
    };
    let idle = timers.after(TCP_IDLE_MS, expire);
    connection.on('error', expire);
    connection.on('close', () => {
      this.#connections--;
      idle.cancel();
    });
    readFrames(connection, (message) => {
      idle.cancel();
      idle = timers.after(TCP_IDLE_MS, expire);
      if (++underWay > TCP_QUERIES_MAX) return expire();
      Promise.resolve(this.#resolver.resolve(message, 'tcp')).then(
        (bytes) => {
          underWay--;
          if (bytes === undefined) expire();
          else if (!connection.destroyed) connection.write(frame(bytes));
        },
        (error: unknown) => {
          this.#logFailure(error);
          expire();
        },
      );
    });
  }

  #logFailure(error: unknown): void {
    this.#options.environment.log.warn('cannot answer', { error: String(error) });
  }
}
