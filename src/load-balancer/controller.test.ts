/** The pools as a story, on the real API server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { SERVICE } from '#api/core/service.ts';
import type { Service } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { addressPoolController } from './controller.ts';
import { parsePools } from './pools.ts';

const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';
const POOLS = ['192.0.2.1-192.0.2.2', 'big=198.51.100.0/24,2001:db8::/64'];

interface Named {
  readonly annotations?: Record<string, string>;
}

async function world(texts = POOLS) {
  const cluster = await TestCluster.start({
    controllers: [addressPoolController(parsePools(texts))],
    scheduler: false,
    nodes: 0,
  });
  const { client } = cluster;
  const at = (name: string) => ({ name, namespace: 'default' });
  const get = (name: string): Promise<Service> => cluster.run(client.get(SERVICE, name, 'default'));
  return {
    cluster,
    get,
    make: async (
      name: string,
      spec: Partial<NonNullable<Service['spec']>> = {},
      { annotations = {} }: Named = {},
    ) => {
      const service: Service = {
        metadata: { ...at(name), annotations },
        spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
      };
      await cluster.run(client.create(SERVICE, service));
      await cluster.settle();
    },
    patch: async (name: string, patch: object, subresource?: string) => {
      const options = subresource === undefined ? {} : { subresource };
      await cluster.run(client.patch(SERVICE, at(name), 'merge', patch, options));
      await cluster.settle();
    },
    remove: async (name: string) => {
      await cluster.run(client.delete(SERVICE, at(name)));
      await cluster.settle();
    },
    addresses: async (name: string): Promise<string> => {
      const { status } = await get(name);
      return (status?.loadBalancer?.ingress ?? [])
        .map(({ ip, ipMode }) => `${ip} ${ipMode}`)
        .join();
    },
    events: async (): Promise<string[]> => {
      const { items } = await cluster.run(client.list(EVENT));
      return items.map(
        (event) =>
          `${event.reason} ${event.involvedObject.name} ${event.count ?? 1}: ${event.message}`,
      );
    },
  };
}

describe('addressPoolController', () => {
  it('gives addresses in order, one to each, and takes them back', async () => {
    const { make, addresses, remove, get, events } = await world();
    await make('a');
    await make('b', { loadBalancerClass: 'coxswain.dev/address-pool' });
    assert.equal(await addresses('a'), '192.0.2.1 VIP');
    assert.equal(await addresses('b'), '192.0.2.2 VIP');
    assert.deepEqual((await get('a')).metadata?.finalizers, [FINALIZER]);
    // The next pool is as good as the first.
    await make('c');
    assert.equal(await addresses('c'), '198.51.100.0 VIP');
    await remove('a');
    await assert.rejects(get('a'), /not found/);
    await make('d');
    assert.equal(await addresses('d'), '192.0.2.1 VIP');
    assert.deepEqual(await events(), []);
  });

  it('leaves other Services and other classes alone', async () => {
    const { make, addresses, get, patch } = await world();
    await make('plain', { type: 'ClusterIP' });
    await make('foreign', { loadBalancerClass: 'example.com/other' });
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
    await patch('foreign', { metadata: { finalizers: [FINALIZER] }, status }, 'status');
    for (const name of ['plain', 'foreign']) {
      await patch(name, { metadata: { labels: { a: 'b' } } });
      assert.equal((await get(name)).metadata?.finalizers?.length ?? 0, name === 'plain' ? 0 : 1);
    }
    assert.equal(await addresses('foreign'), '192.0.2.1 VIP');
  });

  it('takes the address back from a Service that has become another', async () => {
    const { make, addresses, get, patch } = await world();
    await make('a');
    await patch('a', { spec: { type: 'NodePort' } });
    assert.equal(await addresses('a'), '');
    assert.deepEqual((await get('a')).metadata?.finalizers ?? [], []);
    await make('b');
    assert.equal(await addresses('b'), '192.0.2.1 VIP');
  });

  it('gives the address that is asked for, and one of the pool that is named', async () => {
    const { make, addresses, patch } = await world();
    await make('asked', { loadBalancerIP: '198.51.100.77' });
    assert.equal(await addresses('asked'), '198.51.100.77 VIP');
    const annotations = { 'coxswain.dev/address-pool': 'big' };
    await make('named', {}, { annotations });
    assert.equal(await addresses('named'), '198.51.100.0 VIP');
    await patch('named', { metadata: { annotations: { 'coxswain.dev/address-pool': 'default' } } });
    assert.equal(await addresses('named'), '192.0.2.1 VIP');
    await patch('named', { metadata: { annotations: { 'coxswain.dev/address-pool': null } } });
    assert.equal(await addresses('named'), '192.0.2.1 VIP');
    await patch('named', { spec: { loadBalancerIP: '192.0.2.2' } });
    assert.equal(await addresses('named'), '192.0.2.2 VIP');
  });

  it('tells once why there is no address, then later and later, and gives one when one is free', async () => {
    const { cluster, make, addresses, remove, events } = await world(['192.0.2.1-192.0.2.1']);
    await make('a');
    await make('b');
    assert.equal(await addresses('b'), '');
    const told = async (): Promise<string[]> =>
      (await events()).map((each) => each.replace(/ \d+: /, ': '));
    const words = 'no IPv4 address is free in the pools of addresses: default';
    assert.deepEqual(await told(), [`PoolExhausted b: ${words}`]);
    await make('c', { loadBalancerIP: '192.0.2.1' });
    await make('d', { loadBalancerIP: '10.0.0.1' });
    await make('e', {}, { annotations: { 'coxswain.dev/address-pool': 'none' } });
    assert.deepEqual((await told()).slice(1).toSorted(), [
      'AddressNotInPool d: the address 10.0.0.1 is in none of the pools: default',
      'AddressTaken c: the address 192.0.2.1 belongs to another Service',
      'UnknownPool e: there is no pool of addresses named "none"',
    ]);
    const count = async (): Promise<number> =>
      Number(/ (\d+): /.exec((await events()).find((event) => event.includes(' b ')) ?? '')?.[1]);
    await cluster.environment.advance(300_000);
    const times = await count();
    assert.ok(times >= 4 && times <= 7, String(times));
    await remove('a');
    assert.equal(await addresses('b'), '192.0.2.1 VIP');
    await cluster.environment.advance(3_000_000);
    assert.equal(await count(), times);
  });

  it('knows after a restart what it gave, and of two claims believes the older', async () => {
    const { cluster, make, addresses, patch } = await world();
    await make('a');
    await make('b');
    await cluster.stopComponents();
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } };
    await cluster.run(
      cluster.client.patch(
        SERVICE,
        { name: 'b', namespace: 'default' },
        'merge',
        { status },
        { subresource: 'status' },
      ),
    );
    await cluster.startComponents();
    await cluster.settle();
    assert.equal(await addresses('a'), '192.0.2.1 VIP');
    assert.equal(await addresses('b'), '192.0.2.2 VIP');
    // What somebody writes over it is set right.
    await patch('b', { status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } } }, 'status');
    assert.equal(await addresses('b'), '192.0.2.2 VIP');
  });
});
