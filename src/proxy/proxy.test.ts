import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '#api/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { ServiceCIDR } from '#api/gen/networking-v1.ts';
import { asked, balanced, IPV4, IPV6, service, TAKEN, world } from '#kit/service-proxy.ts';
import type { TableOptions } from './nftables.ts';

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

  it('brings the tables of both families in step in one transaction', async () => {
    const { environment, server, nft, started, stop } = world({ tables: [IPV4, IPV6] });
    await environment.advance(100);
    await started;
    assert.match(nft.scripts[0] ?? '', /table ip t\n[^]*table ip6 t\n/);
    const { spec, ...rest } = service('a', '10.96.0.1');
    const clusterIPs = ['10.96.0.1', 'fd00:96::1'];
    const dual: Service = { ...rest, spec: { ...spec, clusterIPs } };
    server.put('services', dual, 'ADDED');
    await environment.advance(100);
    assert.deepEqual(nft.scripts[1]?.match(LINE), [
      'add element ip t blocked_services { 10.96.0.1 . tcp . 80 : goto refuse }',
      'add element ip6 t blocked_services { fd00:96::1 . tcp . 80 : goto refuse }',
    ]);
    stop.abort();
  });

  it('writes a table again that somebody has removed, and leaves the other alone', async () => {
    const { environment, nft, started, stop } = world({
      tables: [IPV4, IPV6],
      syncPeriodMs: 10_000,
    });
    await environment.advance(100);
    await started;
    nft.tables = 'table ip t\ntable ip6 t\ntable ip other\n';
    await environment.advance(10_000);
    assert.equal(nft.scripts.length, 1);
    nft.tables = 'table ip t\ntable ip6 other\n';
    await environment.advance(10_000);
    assert.equal(nft.scripts.length, 2);
    assert.match(nft.scripts[1] ?? '', /^table ip6 t\ndelete table ip6 t\n/);
    stop.abort();
  });

  it('refuses what has an address of a range of Services, as these come', async () => {
    const { environment, server, nft, started, stop } = world({ watchServiceRanges: true });
    await environment.advance(100);
    await started;
    nft.takesMs = 50;
    const range = (name: string, ...cidrs: string[]): void => {
      const object: ServiceCIDR = { metadata: { name }, spec: { cidrs } };
      server.put('servicecidrs', object, 'ADDED');
    };
    range('one', '10.97.0.0/16', 'fd00:97::/112');
    await environment.advance(30);
    // While the last is being written.
    range('two', '10.98.0.0/16');
    await environment.advance(1_000);
    assert.match(nft.scripts.at(-2) ?? '', /ip daddr \{ 10\.97\.0\.0\/16 \} goto refuse/);
    assert.match(
      nft.scripts.at(-1) ?? '',
      /ip daddr \{ 10\.97\.0\.0\/16, 10\.98\.0\.0\/16 \} goto refuse/,
    );
    stop.abort();
  });

  it('leaves time between one write and the next', async () => {
    const { environment, server, nft, started, stop } = world({ minSyncPeriodMs: 1_000 });
    await environment.advance(100);
    await started;
    server.put('services', service('a', '10.96.0.1'), 'ADDED');
    await environment.advance(800);
    assert.equal(nft.scripts.length, 1);
    server.put('services', service('b', '10.96.0.2'), 'ADDED');
    await environment.advance(200);
    assert.equal(nft.scripts.length, 2);
    assert.equal(nft.scripts[1]?.match(LINE)?.length, 1);
    stop.abort();
  });

  it('makes the kernel forget what a write that failed had changed', async () => {
    const calls: string[] = [];
    const { environment, server, nft, started, stop } = world();
    const run = nft.run.bind(nft);
    nft.run = (command, args, options) => {
      if (command === 'conntrack') calls.push(args.join(' '));
      return run(command, args, options);
    };
    await environment.advance(100);
    await started;
    const { spec, ...rest } = service('a', '10.96.0.1');
    const udp: Service = { ...rest, spec: { ...spec, ports: [{ port: 53, protocol: 'UDP' }] } };
    const slice = (address: string): EndpointSlice => ({
      metadata: { name: 'a', namespace: 'd', labels: { 'kubernetes.io/service-name': 'a' } },
      addressType: 'IPv4',
      ports: [{ port: 53, protocol: 'UDP' }],
      endpoints: [{ addresses: [address] }],
    });
    server.put('services', udp, 'ADDED');
    server.put('endpointslices', slice('10.244.0.1'), 'ADDED');
    await environment.advance(100);
    calls.length = 0;
    nft.failures = 1;
    server.put('endpointslices', slice('10.244.0.2'));
    await environment.advance(5_000);
    assert.deepEqual(calls, [
      '-D -f ipv4 -p udp --orig-dst 10.96.0.1 --orig-port-dst 53 --dst-nat 10.244.0.1',
    ]);
    stop.abort();
  });

  it('does not look for pods whose network is not its own', async () => {
    const table: TableOptions = { ...IPV4, pods: undefined };
    const { environment, server, nft, started, stop } = world({ tables: [table] });
    await environment.advance(100);
    await started;
    assert.equal(server.watchers.has('pods'), false);
    const [script = ''] = nft.scripts;
    assert.doesNotMatch(script, /br0|ip saddr 10\.244\.0\.0\/16 ip daddr/);
    assert.match(script, /ip daddr != 127\.0\.0\.0\/8 fib daddr type local jump node_ports/);
    stop.abort();
  });

  it('counts the endpoints of the family that has more at the health-check node port', async () => {
    const { environment, server, ports, started, stop } = world({ tables: [IPV4, IPV6] });
    await environment.advance(100);
    await started;
    server.put('services', balanced('lb', 30_090), 'ADDED');
    const slice = (addressType: 'IPv4' | 'IPv6', ...addresses: string[]): void =>
      server.put(
        'endpointslices',
        {
          metadata: {
            name: addressType,
            namespace: 'd',
            labels: { 'kubernetes.io/service-name': 'lb' },
          },
          addressType,
          ports: [{ port: 80 }],
          endpoints: addresses.map((address) => ({ addresses: [address], nodeName: 'n1' })),
        } as EndpointSlice,
        'ADDED',
      );
    slice('IPv4', '10.244.0.1');
    slice('IPv6', 'fd00:244::1', 'fd00:244::2');
    await environment.advance(100);
    assert.equal((await asked(ports.get(30_090)))[1], '2');
    stop.abort();
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
