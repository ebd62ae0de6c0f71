/** Who is behind the Service `kubernetes`: servers over one store, some of which end or die. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const OWN = '/api/v1/namespaces/default/services/kubernetes';
const ENDPOINTS = '/api/v1/namespaces/default/endpoints/kubernetes';
const SLICE = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes';
const KEYS = '/registry/masterleases/';

type Options = NonNullable<Parameters<typeof TestApiServer.start>[0]>;

const at = (address: string, port = 6443): Options => ({ advertise: { address, port } });

/** What Endpoints and slice say, which is the same. */
async function published(api: TestApiServer): Promise<string[]> {
  const { subsets = [] } = await api.must(`GET ${ENDPOINTS}`);
  const slice = await api.must(`GET ${SLICE}`);
  const text = (ip: string, port: number): string => `${ip}:${port}`;
  const inEndpoints = subsets.flatMap(
    (subset: { addresses: { ip: string }[]; ports: { port: number }[] }) =>
      subset.addresses.map(({ ip }) => text(ip, subset.ports[0]?.port ?? 0)),
  );
  const inSlice = (slice.endpoints ?? []).map(({ addresses }: { addresses: string[] }) =>
    text(addresses[0] ?? '', slice.ports[0].port),
  );
  assert.deepEqual(inSlice, inEndpoints);
  return inEndpoints;
}

describe('the endpoints of kubernetes', () => {
  it('are all servers that are alive, in the order of their addresses', async () => {
    const one = await TestApiServer.start(at('10.0.0.10'));
    const { environment, store } = one;
    const two = await TestApiServer.start({ environment, store, ...at('10.0.0.9') });
    assert.deepEqual(await published(two), ['10.0.0.9:6443', '10.0.0.10:6443']);
    await environment.advance(30_000);
    assert.deepEqual(await published(one), ['10.0.0.9:6443', '10.0.0.10:6443']);
    assert.deepEqual(
      (await store.list(KEYS)).items.map(({ key }) => key),
      [`${KEYS}10.0.0.10`, `${KEYS}10.0.0.9`],
    );
  });

  it('lose a server that ends at once', async () => {
    const one = await TestApiServer.start(at('10.0.0.1'));
    const { environment, store } = one;
    const two = await TestApiServer.start({ environment, store, ...at('10.0.0.2') });
    await environment.resolve(two.server.stop());
    assert.deepEqual(await published(one), ['10.0.0.1:6443']);
  });

  it('are none when the last server has ended, and come back with it', async () => {
    const first = await TestApiServer.start();
    const { environment, store } = first;
    await environment.resolve(first.server.stop());
    const none = await TestApiServer.start({ environment, store, publishesAddress: false });
    assert.deepEqual(await published(none), []);
    assert.deepEqual((await store.list(KEYS)).items, []);
    const again = await TestApiServer.start({ environment, store, ...at('10.0.0.1', 7443) });
    assert.deepEqual(await published(again), ['10.0.0.1:7443']);
  });

  it('lose a server that dies when its lease runs out', async () => {
    const one = await TestApiServer.start(at('10.0.0.1'));
    const { environment, store } = one;
    // What a server that was alive a moment ago has left.
    const lease = await store.grantLease(15_000);
    await store.write({ type: 'put', key: `${KEYS}10.0.0.2`, value: Buffer.from('{}'), lease });
    await environment.advance(10_000);
    assert.deepEqual(await published(one), ['10.0.0.1:6443', '10.0.0.2:6443']);
    await environment.advance(15_000);
    assert.deepEqual(await published(one), ['10.0.0.1:6443']);
  });

  it('keep a server whose predecessor of the same address ends later', async () => {
    const one = await TestApiServer.start();
    const { environment, store } = one;
    const two = await TestApiServer.start({ environment, store });
    await environment.resolve(one.server.stop());
    await environment.advance(10_000);
    assert.deepEqual(await published(two), ['10.0.0.1:6443']);
  });

  it('keep a server whose key somebody has deleted', async () => {
    const api = await TestApiServer.start();
    await api.store.write({ type: 'delete', key: `${KEYS}10.0.0.1` });
    await api.environment.advance(10_000);
    assert.equal((await api.store.list(KEYS)).items.length, 1);
    assert.deepEqual(await published(api), ['10.0.0.1:6443']);
  });

  it('have the port of the server that started last, whatever others have', async () => {
    const one = await TestApiServer.start(at('10.0.0.1', 6443));
    const { environment, store } = one;
    await TestApiServer.start({ environment, store, ...at('10.0.0.2', 7443) });
    await environment.advance(60_000);
    assert.deepEqual(await published(one), ['10.0.0.1:7443', '10.0.0.2:7443']);
    const { metadata } = await one.must(`GET ${ENDPOINTS}`);
    await environment.advance(60_000);
    const later = await one.must(`GET ${ENDPOINTS}`);
    assert.equal(later.metadata.resourceVersion, metadata.resourceVersion);
  });

  it('are put right when somebody changes them', async () => {
    const api = await TestApiServer.start();
    await api.must(`PATCH ${ENDPOINTS}`, { subsets: null, metadata: { labels: null } });
    await api.must(`PATCH ${SLICE}`, { endpoints: [], metadata: { labels: { a: 'b' } } });
    await api.environment.advance(1_000);
    assert.deepEqual(await published(api), ['10.0.0.1:6443']);
    const { metadata } = await api.must(`GET ${ENDPOINTS}`);
    assert.equal(metadata.labels['endpointslice.kubernetes.io/skip-mirror'], 'true');
    const slice = await api.must(`GET ${SLICE}`);
    assert.deepEqual(slice.metadata.labels, { 'kubernetes.io/service-name': 'kubernetes' });
  });

  it('change the family of the slice with the servers', async () => {
    const six = await TestApiServer.start(at('fd00::1'));
    const { environment, store } = six;
    assert.equal((await six.must(`GET ${SLICE}`)).addressType, 'IPv6');
    await environment.resolve(six.server.stop());
    const four = await TestApiServer.start({ environment, store, ...at('10.0.0.1') });
    assert.equal((await four.must(`GET ${SLICE}`)).addressType, 'IPv4');
    assert.deepEqual(await published(four), ['10.0.0.1:6443']);
  });

  it('are nobody when no address can be published; that is told once', async () => {
    const api = await TestApiServer.start(at('127.0.0.1'));
    await api.environment.advance(60_000);
    assert.equal((await api.call(`GET ${ENDPOINTS}`)).status, 404);
    const lines = api.environment
      .lines('warn')
      .filter(({ message }) => message.startsWith('the address of this server'));
    assert.equal(lines.length, 1);
  });
});

it('the Service kubernetes is made when its address is free again', async () => {
  const api = await TestApiServer.start();
  const { environment, store } = api;
  await environment.resolve(api.server.stop());
  await store.write({ type: 'delete', key: '/registry/services/specs/default/kubernetes' });
  const path = '/apis/networking.k8s.io/v1/ipaddresses/10.96.0.1';
  const again = await TestApiServer.start({ environment, store });
  assert.equal((await again.call(`GET ${OWN}`)).status, 404);
  await again.must(`DELETE ${path}`);
  await environment.advance(10_000);
  assert.equal((await again.must(`GET ${OWN}`)).spec.clusterIP, '10.96.0.1');
});
