import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event, Service } from '#api/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Processes, ProcessResult } from '#base/doors.ts';
import { type Handler, readBody } from '#base/http/message.ts';
import type { Client, WatchEvent } from '#client/client.ts';
import { EventRecorder } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Listen } from './health-checks.ts';
import { Proxy } from './proxy.ts';

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
  run(
    command: string,
    args: readonly string[],
    options: { input?: Uint8Array | string } = {},
  ): Promise<ProcessResult> {
    const none = new Uint8Array(0);
    if (command !== 'nft' || args[0] !== '-f')
      return Promise.resolve({ exitCode: 1, stdout: none, stderr: none });
    this.scripts.push(String(options.input));
    const exitCode = this.failures-- > 0 ? 1 : 0;
    return Promise.resolve({ exitCode, stdout: none, stderr: Buffer.from('netlink: busy') });
  }
}

function service(name: string, clusterIP: string): Service {
  return {
    metadata: { name, namespace: 'd' },
    spec: { clusterIP, ports: [{ port: 80, protocol: 'TCP' }] },
  };
}

function world() {
  const environment = new VirtualEnvironment();
  const server = new FakeServer();
  const nft = new FakeNft();
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
    tables: [
      {
        family: 'ip',
        table: 't',
        local: { kind: 'range', cidr: '10.244.0.0/16' },
        pods: { range: '10.244.0.0/16', interface: 'br0' },
        refusedRanges: ['10.96.0.0/16'],
        nodePortAddresses: undefined,
        masqueradeAll: false,
      },
    ],
  });
  informers.start(stop.signal);
  const started = proxy.start(stop.signal);
  return { environment, server, nft, proxy, ports, started, stop };
}

/** Of a port that something else has. */
const TAKEN = 30_999;

/** A load balancer's Service whose traffic stays on its node. */
function balanced(name: string, healthCheckNodePort: number): Service {
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

async function asked(handler: Handler | undefined): Promise<unknown[]> {
  assert.ok(handler);
  const { status, headers, body } = await handler({ method: 'GET', url: '/', headers: {} });
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  const text = Buffer.from(await readBody(body)).toString();
  return [status, headers['x-load-balancing-endpoint-weight'], JSON.parse(text)];
}

const LINE = /^(add|delete) element .*$/gm;

describe('Proxy', () => {
  it('writes the whole table first, then only what changed', async () => {
    const { environment, server, nft, started, stop } = world();
    await environment.advance(100);
    await started;
    assert.match(nft.scripts[0] ?? '', /^table ip t\ndelete table ip t\n/);
    server.put('services', service('a', '10.96.0.1'), 'ADDED');
    server.put('services', service('b', '10.96.0.2'), 'ADDED');
    await environment.advance(100);
    assert.deepEqual(nft.scripts[1]?.match(LINE), [
      'add element ip t blocked_services { 10.96.0.1 . tcp . 80 : goto refuse, 10.96.0.2 . tcp . 80 : goto refuse }',
    ]);
    server.put('services', service('b', '10.96.0.2'), 'DELETED');
    await environment.advance(100);
    assert.deepEqual(nft.scripts[2]?.match(LINE), [
      'delete element ip t blocked_services { 10.96.0.2 . tcp . 80 }',
    ]);
    assert.equal(nft.scripts.length, 3);
    stop.abort();
  });

  it('writes the whole table again after a failure, and loses nothing', async () => {
    const { environment, server, nft, started, stop } = world();
    await environment.advance(100);
    await started;
    nft.failures = 2;
    server.put('services', service('a', '10.96.0.1'), 'ADDED');
    await environment.advance(5_000);
    const last = nft.scripts.at(-1) ?? '';
    assert.equal(nft.scripts.length, 4);
    assert.match(last, /^table ip t\ndelete table ip t\n/);
    assert.match(last, /blocked_services \{ 10\.96\.0\.1 \. tcp \. 80 : goto refuse \}/);
    stop.abort();
  });

  it('goes by the zone of its node, also when that changes', async () => {
    const { environment, server, nft, started, stop } = world();
    await environment.advance(100);
    await started;
    const near = (address: string, zone: string): Endpoint => ({
      addresses: [address],
      hints: { forZones: [{ name: zone }] },
    });
    server.put('services', service('a', '10.96.0.1'), 'ADDED');
    const slice: EndpointSlice = {
      metadata: { name: 'a', namespace: 'd', labels: { 'kubernetes.io/service-name': 'a' } },
      addressType: 'IPv4',
      ports: [{ port: 80 }],
      endpoints: [near('10.244.0.1', 'east'), near('10.244.0.2', 'west')],
    };
    server.put('endpointslices', slice, 'ADDED');
    for (const [zone, address] of [
      ['east', '10.244.0.1'],
      ['west', '10.244.0.2'],
    ] as const) {
      const labels = { 'topology.kubernetes.io/zone': zone };
      server.put('nodes', { metadata: { name: 'n1', labels } });
      await environment.advance(100);
      assert.match(
        nft.scripts.at(-1) ?? '',
        new RegExp(`add element ip t endpoints .* 10.96.0.1 . tcp . 80 . 0 : ${address} . 80 }`),
      );
    }
    stop.abort();
  });

  describe('the health-check node port of a Service', () => {
    const slice = (...endpoints: Endpoint[]): EndpointSlice => ({
      metadata: { name: 'lb', namespace: 'd', labels: { 'kubernetes.io/service-name': 'lb' } },
      addressType: 'IPv4',
      ports: [{ port: 80 }],
      endpoints,
    });
    const here = (address: string, conditions: Endpoint['conditions'] = {}): Endpoint => ({
      addresses: [address],
      nodeName: 'n1',
      conditions,
    });
    const about = { namespace: 'd', name: 'lb' };

    it('says how many ready endpoints are here', async () => {
      const { environment, server, ports, started, stop } = world();
      await environment.advance(100);
      await started;
      server.put('services', balanced('lb', 30_090), 'ADDED');
      await environment.advance(100);
      const none = { service: about, localEndpoints: 0, serviceProxyHealthy: true };
      assert.deepEqual(await asked(ports.get(30_090)), [503, '0', none]);
      server.put(
        'endpointslices',
        slice(
          here('10.244.0.1'),
          here('10.244.0.2'),
          here('10.244.0.3', { ready: false }),
          here('10.244.0.4', { ready: true, terminating: true, serving: true }),
          { addresses: ['10.244.1.1'], nodeName: 'n2' },
        ),
        'ADDED',
      );
      await environment.advance(100);
      const two = { service: about, localEndpoints: 2, serviceProxyHealthy: true };
      assert.deepEqual(await asked(ports.get(30_090)), [200, '2', two]);
      stop.abort();
      await environment.advance(1);
      assert.equal(ports.size, 0);
    });

    it('says no while the rules cannot be written', async () => {
      const { environment, server, nft, ports, started, stop } = world();
      await environment.advance(100);
      await started;
      server.put('services', balanced('lb', 30_090), 'ADDED');
      server.put('endpointslices', slice(here('10.244.0.1')), 'ADDED');
      await environment.advance(100);
      assert.equal((await asked(ports.get(30_090)))[0], 200);
      nft.failures = 1;
      server.put('services', service('other', '10.96.0.3'), 'ADDED');
      await environment.advance(100);
      const sick = { service: about, localEndpoints: 1, serviceProxyHealthy: false };
      assert.deepEqual(await asked(ports.get(30_090)), [503, '1', sick]);
      await environment.advance(1_000);
      assert.equal((await asked(ports.get(30_090)))[0], 200);
      stop.abort();
    });

    it('is open as long as the Service wants it', async () => {
      const { environment, server, ports, started, stop } = world();
      await environment.advance(100);
      await started;
      server.put('services', balanced('lb', 30_090), 'ADDED');
      server.put('services', balanced('foreign', 30_091), 'ADDED');
      await environment.advance(100);
      assert.deepEqual([...ports.keys()], [30_090, 30_091]);
      const { metadata, ...rest } = balanced('foreign', 30_091);
      const labels = { 'service.kubernetes.io/service-proxy-name': 'x' };
      server.put('services', { metadata: { ...metadata, labels }, ...rest });
      server.put('services', balanced('lb', 30_092));
      await environment.advance(100);
      assert.deepEqual([...ports.keys()], [30_092]);
      // One goes and another gets its port, in one moment.
      server.put('services', balanced('next', 30_092), 'ADDED');
      server.put('services', balanced('lb', 30_092), 'DELETED');
      await environment.advance(100);
      assert.deepEqual([...ports.keys()], [30_092]);
      assert.deepEqual(server.created, []);
      const next = balanced('next', 30_092);
      const nodePort: Service = { ...next, spec: { ...next.spec, type: 'NodePort' } };
      server.put('services', nodePort);
      await environment.advance(100);
      assert.deepEqual([...ports.keys()], []);
      stop.abort();
    });

    it('is told of when it cannot be opened', async () => {
      const { environment, server, started, stop } = world();
      await environment.advance(100);
      await started;
      server.put('services', balanced('lb', TAKEN), 'ADDED');
      await environment.advance(100);
      const [event] = server.created;
      assert.deepEqual(
        [
          event?.type,
          event?.reason,
          event?.message,
          event?.involvedObject.kind,
          event?.involvedObject.name,
        ],
        [
          'Warning',
          'FailedToStartServiceHealthcheck',
          `node n1 failed to start healthcheck "d/lb" on port ${TAKEN}: address already in use`,
          'Service',
          'lb',
        ],
      );
      stop.abort();
    });
  });

  it('writes nothing for changes that change no rule', async () => {
    const { environment, server, nft, started, stop } = world();
    await environment.advance(100);
    await started;
    server.put('services', { metadata: { name: 'headless', namespace: 'd' } }, 'ADDED');
    await environment.advance(1_000);
    assert.equal(nft.scripts.length, 1);
    stop.abort();
  });
});
