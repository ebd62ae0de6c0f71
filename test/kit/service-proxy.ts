/** A service proxy, fed by the test, and an nft that only remembers what it was told. */
import assert from 'node:assert/strict';
import type { Event, Service } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Processes, ProcessResult } from '#base/doors.ts';
import { sleep } from '#base/env.ts';
import { type Handler, readBody } from '#base/http/message.ts';
import type { Client, WatchEvent } from '#client/client.ts';
import { EventRecorder } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import type { Listen } from '#proxy/health-checks.ts';
import type { TableOptions } from '#proxy/nftables.ts';
import { Proxy, type ProxyOptions } from '#proxy/proxy.ts';
import { VirtualEnvironment } from './virtual-environment.ts';

/** One watch for each kind, fed by the test. */
class FakeServer {
  readonly watchers = new Map<string, (event: WatchEvent<KubeObject>) => void>();
  readonly created: Event[] = [];
  revision = 1;

  get client(): Client {
    const client: Pick<Client, 'list' | 'watch' | 'create'> = {
      create: (_type, object) => {
        this.created.push(object as unknown as Event);
        return Promise.resolve(object);
      },
      list: () => Promise.resolve({ items: [], resourceVersion: '1' }),
      watch: (type, options, onEvent) => {
        this.watchers.set(type.plural, onEvent as (event: WatchEvent<KubeObject>) => void);
        return new Promise((resolve) => options.signal?.addEventListener('abort', () => resolve()));
      },
    };
    return client as Client;
  }

  put(
    plural: string,
    object: KubeObject,
    type: 'ADDED' | 'MODIFIED' | 'DELETED' = 'MODIFIED',
  ): void {
    this.revision++;
    const metadata = {
      ...object.metadata,
      resourceVersion: String(this.revision),
      uid: object.metadata?.name ?? '',
    };
    this.watchers.get(plural)?.({ type, object: { ...object, metadata } });
  }
}

class FakeNft implements Processes {
  readonly scripts: string[] = [];
  failures = 0;
  /** What `nft list tables` prints; undefined: it fails. */
  tables: string | undefined;
  /** Milliseconds of virtual time that a script takes. */
  takesMs = 0;
  readonly #environment: VirtualEnvironment;

  constructor(environment: VirtualEnvironment) {
    this.#environment = environment;
  }

  async run(
    command: string,
    args: readonly string[],
    options: { input?: Uint8Array | string } = {},
  ): Promise<ProcessResult> {
    const none = new Uint8Array(0);
    if (args.join(' ') === 'list tables' && this.tables !== undefined)
      return { exitCode: 0, stdout: Buffer.from(this.tables), stderr: none };
    if (command !== 'nft' || args[0] !== '-f') return { exitCode: 1, stdout: none, stderr: none };
    this.scripts.push(String(options.input));
    const exitCode = this.failures-- > 0 ? 1 : 0;
    if (this.takesMs > 0) await sleep(this.#environment, this.takesMs);
    return { exitCode, stdout: none, stderr: Buffer.from('netlink: busy') };
  }
}

export function service(name: string, clusterIP: string): Service {
  return {
    metadata: { name, namespace: 'd' },
    spec: { clusterIP, ports: [{ port: 80, protocol: 'TCP' }] },
  };
}

export function world(more: Partial<ProxyOptions> = {}) {
  const environment = new VirtualEnvironment();
  const server = new FakeServer();
  const nft = new FakeNft(environment);
  const stop = new AbortController();
  const informers = new InformerFactory({ client: server.client, environment });
  const ports = new Map<number, Handler>();
  const listen: Listen = (port, handler) => {
    if (port === TAKEN || ports.has(port))
      return Promise.reject(new Error('address already in use'));
    ports.set(port, handler);
    return Promise.resolve({
      close: () => {
        ports.delete(port);
        return Promise.resolve();
      },
    });
  };
  const { client } = server;
  const proxy = new Proxy({
    environment,
    events: new EventRecorder({ client, environment, component: 'kube-proxy' }),
    listen,
    informers,
    processes: nft,
    node: { name: 'n1', ownAddresses: [] },
    tables: [IPV4],
    ...more,
  });
  informers.start(stop.signal);
  const started = proxy.start(stop.signal);
  return { environment, server, nft, proxy, ports, started, stop };
}

export const IPV4: TableOptions = {
  family: 'ip',
  table: 't',
  local: { kind: 'range', cidr: '10.244.0.0/16' },
  pods: { range: '10.244.0.0/16', interface: 'br0' },
  refusedRanges: ['10.96.0.0/16'],
  nodePortAddresses: undefined,
  masqueradeAll: false,
};
export const IPV6: TableOptions = {
  ...IPV4,
  family: 'ip6',
  local: { kind: 'range', cidr: 'fd00:244::/48' },
  pods: { range: 'fd00:244::/48', interface: 'br0' },
  refusedRanges: ['fd00:96::/112'],
};

/** Of a port that something else has. */
export const TAKEN = 30_999;

/** A load balancer's Service whose traffic stays on its node. */
export function balanced(name: string, healthCheckNodePort: number): Service {
  const { spec, ...rest } = service(name, '10.96.0.9');
  return {
    ...rest,
    spec: {
      ...spec,
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort,
    },
  };
}

export async function asked(handler: Handler | undefined): Promise<unknown[]> {
  assert.ok(handler);
  const { status, headers, body } = await handler({ method: 'GET', url: '/', headers: {} });
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  const text = Buffer.from(await readBody(body)).toString();
  return [status, headers['x-load-balancing-endpoint-weight'], JSON.parse(text)];
}
