/** The configuration over the API server, and what the server does with it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { EVENT } from '#api/core/event.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { ConfigMap } from '#api/gen/core-v1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { EventRecorder } from '#client/events.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { TestCluster } from '#kit/cluster.ts';
import { addressRecord, dnsNetwork, queryOf, said } from '#kit/dns.ts';
import { countsOf } from '#kit/metrics.ts';
import { encodeQuery } from './encode.ts';
import { readForeignAnswer, readForeignRecords } from './foreign.ts';
import { DnsServer } from './server.ts';
import { TYPE } from './wire.ts';

function configMap(data: Record<string, string>): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cluster-dns', namespace: 'kube-system' },
    data,
  };
}

/** A cluster with the DNS server of one node; other servers answer with the end of their address. */
async function world(before: (cluster: TestCluster) => Promise<void> = async () => {}) {
  const cluster = await TestCluster.start({ nodes: 0, scheduler: false, controllers: [] });
  await before(cluster);
  const { environment, client } = cluster;
  const stop = new AbortController();
  const { signal } = stop;
  const registry = new MetricRegistry();
  const asked: string[] = [];
  const outside = dnsNetwork((message, address, reply) => {
    const { name, type } = queryOf(message);
    if (type !== TYPE.A || name === 'lost.example') return;
    asked.push(`${name} ${address}`);
    reply(said(message, { answers: [addressRecord(name, Number(address.split('.').at(-1)))] }));
  });
  /** Where datagrams to the server go in, and come out. */
  let deliver: ((message: Uint8Array) => void) | undefined;
  let replies: Uint8Array[] = [];
  const informers = new InformerFactory({ client, environment });
  const server = new DnsServer({
    environment,
    informers,
    network: {
      ...outside,
      listenTcp: () => Promise.resolve({ port: 53, close: () => Promise.resolve() }),
      bindUdp: (options, onMessage) => {
        if (options.port === 0) return outside.bindUdp(options, onMessage);
        deliver = (message) => onMessage(message, 4_000, '10.244.0.9');
        return Promise.resolve({ port: 53, close: () => {}, send: (bytes) => replies.push(bytes) });
      },
    },
    addresses: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    ownRanges: ['10.96.0.0/16', '10.244.0.0/16'],
    resolvers: () => ['192.0.2.53'],
    metrics: registry,
    events: new EventRecorder({ client, environment, component: 'coredns', signal }),
    version: '1.2.3',
  });
  const ask = async (name: string, type: number = TYPE.A): Promise<string[]> => {
    replies = [];
    deliver?.(encodeQuery({ id: 1, name, type }));
    await environment.advance(10);
    const [bytes] = replies;
    assert.ok(bytes);
    const texts = readForeignRecords(bytes).map(({ data }) =>
      'address' in data ? data.address.join('.') : '',
    );
    return texts.length === 0 ? [`code ${readForeignAnswer(bytes)?.rcode}`] : texts;
  };
  const send = (name: string): void => deliver?.(encodeQuery({ id: 1, name, type: TYPE.A }));
  const end = async (): Promise<void> => {
    stop.abort();
    await cluster.stop();
  };
  assert.equal(server.isReady, false);
  await server.start(signal);
  informers.start(signal);
  await cluster.run(server.synced());
  assert.equal(server.isReady, true);
  return { cluster, registry, asked, ask, send, end, server, stop };
}

describe('the ConfigMap of cluster DNS', () => {
  it('is applied live, and its end brings the defaults back', async () => {
    const { cluster, ask, asked, end } = await world();
    assert.deepEqual(await ask('one.acme.local'), ['192.0.2.53']);
    const created = await cluster.create(
      CONFIG_MAP,
      configMap({
        stubDomains: '{"acme.local": ["198.51.100.7"], "9.244.10.in-addr.arpa": ["198.51.100.7"]}',
        upstreamNameservers: '["198.51.100.8"]',
        hosts: '192.0.2.99 host.example',
      }),
    );
    await cluster.advance(1_000);
    assert.deepEqual(await ask('one.acme.local'), ['192.0.2.7'], 'the former answer is forgotten');
    assert.deepEqual(await ask('one.example'), ['192.0.2.8']);
    assert.deepEqual(await ask('host.example'), ['192.0.2.99']);
    // A reverse name of the cluster's own range is the stub domain's, the others are nobody's.
    assert.deepEqual(await ask('1.9.244.10.in-addr.arpa'), ['192.0.2.7']);
    assert.deepEqual(await ask('1.8.244.10.in-addr.arpa'), ['code 3']);
    await cluster.delete(CONFIG_MAP, created);
    await cluster.advance(1_000);
    assert.deepEqual(await ask('one.acme.local'), ['192.0.2.53']);
    assert.equal(asked.length, 5);
    await end();
  });

  it('changes nothing when it cannot be read, and says so', async () => {
    const { cluster, ask, end } = await world();
    const created = await cluster.create(
      CONFIG_MAP,
      configMap({ upstreamNameservers: '["198.51.100.8"]' }),
    );
    await cluster.advance(1_000);
    await cluster.patch(CONFIG_MAP, created, { data: { upstreamNameservers: '["dns.example"]' } });
    await cluster.advance(1_000);
    assert.deepEqual(await ask('one.example'), ['192.0.2.8']);
    const problem = 'upstreamNameservers: "dns.example" is not an address, with or without a port';
    const [line] = cluster.environment.lines('error');
    assert.deepEqual(line?.values['problem'], problem);
    const events = await cluster.list(EVENT, 'kube-system');
    assert.deepEqual(
      events.map(({ involvedObject, type, reason, message }) => [
        `${involvedObject.kind}/${involvedObject.name}`,
        type,
        reason,
        message,
      ]),
      [
        [
          'ConfigMap/cluster-dns',
          'Warning',
          'InvalidConfiguration',
          `The last good configuration stays: ${problem}`,
        ],
      ],
    );
    await end();
  });

  it('forgets what was known of the former servers', async () => {
    const { cluster, registry, send, end } = await world();
    send('lost.example');
    await cluster.advance(10_000);
    const name = 'coredns_forward_healthcheck_failures_total';
    const checks = countsOf(registry, name);
    assert.equal(checks.length, 1);
    await cluster.create(CONFIG_MAP, configMap({ cacheSeconds: '1' }));
    await cluster.advance(5_000);
    const after = countsOf(registry, name);
    await cluster.advance(10_000);
    assert.deepEqual(countsOf(registry, name), after, 'it is checked no more');
    await end();
  });

  it('is that of one name in one namespace', async () => {
    const { cluster, ask, end } = await world();
    const data = { upstreamNameservers: '["198.51.100.8"]' };
    for (const metadata of [
      { name: 'other', namespace: 'kube-system' },
      { name: 'cluster-dns', namespace: 'default' },
    ])
      await cluster.create(CONFIG_MAP, { ...configMap(data), metadata });
    await cluster.advance(1_000);
    assert.deepEqual(await ask('one.example'), ['192.0.2.53']);
    await end();
  });
});

describe('DnsServer', () => {
  it('measures how long a change of a headless Service took to be answered', async () => {
    const slice = (of: string, number: number, annotations: Record<string, string>) => ({
      metadata: {
        name: `${of}-${number}`,
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': of },
        annotations,
      },
      addressType: 'IPv4' as const,
      ports: [],
      endpoints: [{ addresses: ['10.244.0.5'] }],
    });
    const triggered = (cluster: TestCluster) => ({
      'endpoints.kubernetes.io/last-change-trigger-time': new Date(
        cluster.environment.clock.now() - 3_000,
      ).toISOString(),
    });
    const { cluster, registry, ask, end, server, stop } = await world(async (early) => {
      await early.create(SERVICE, {
        metadata: { name: 'db', namespace: 'default' },
        spec: { clusterIP: 'None', selector: { a: 'b' }, ports: [{ port: 1 }] },
      });
      await early.create(SERVICE, {
        metadata: { name: 'web', namespace: 'default' },
        spec: { ports: [{ port: 1 }] },
      });
      // What was there before this server says nothing of it.
      await early.create(ENDPOINT_SLICE, slice('db', 0, triggered(early)));
    });
    await cluster.create(ENDPOINT_SLICE, slice('db', 1, triggered(cluster)));
    await cluster.create(ENDPOINT_SLICE, slice('db', 2, {}));
    await cluster.create(ENDPOINT_SLICE, slice('web', 3, triggered(cluster)));
    await cluster.advance(100);
    assert.deepEqual(await ask('db.default.svc.cluster.local'), ['10.244.0.5']);
    const name = 'coredns_kubernetes_dns_programming_duration_seconds';
    assert.deepEqual(countsOf(registry, name), ['_count{service_kind="headless_with_selector"} 1']);
    const sum =
      registry
        .text()
        .split('\n')
        .find((line) => line.startsWith(`${name}_sum`)) ?? '';
    const seconds = Number(sum.split(' ')[1]);
    assert.ok(seconds >= 3 && seconds < 4, sum);
    assert.deepEqual(countsOf(registry, 'coredns_build_info'), [
      '{version="1.2.3",revision="",goversion=""} 1',
    ]);
    stop.abort();
    assert.equal(server.isReady, false);
    await end();
  });
});
