import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '#api/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Processes, ProcessResult } from '#base/doors.ts';
import type { Client, WatchEvent } from '#client/client.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { Proxy } from './proxy.ts';

/** One watch for each kind, fed by the test. */
class FakeServer {
  readonly watchers = new Map<string, (event: WatchEvent<KubeObject>) => void>();
  revision = 1;

  get client(): Client {
    const client: Pick<Client, 'list' | 'watch'> = {
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
  const proxy = new Proxy({
    environment,
    informers,
    processes: nft,
    node: { name: 'n1', ownAddresses: [] },
    table: {
      table: 't',
      podRange: '10.244.0.0/16',
      serviceRange: '10.96.0.0/16',
      podInterface: 'br0',
      masqueradeAll: false,
    },
  });
  informers.start(stop.signal);
  const started = proxy.start(stop.signal);
  return { environment, server, nft, proxy, started, stop };
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
