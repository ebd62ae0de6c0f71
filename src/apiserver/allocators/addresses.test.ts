/** IPAddress objects and ranges at run time, through the API. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const SERVICES = '/api/v1/namespaces/default/services';
const ADDRESSES = '/apis/networking.k8s.io/v1/ipaddresses';
const CIDRS = '/apis/networking.k8s.io/v1/servicecidrs';

const service = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { selector: { app: 'x' }, ports: [{ port: 80 }], ...spec },
});

async function addressNames(api: TestApiServer): Promise<string[]> {
  const { items } = await api.must(`GET ${ADDRESSES}`);
  return items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
}

describe('the address of a Service', () => {
  it('is an IPAddress that refers to it, the one of kubernetes too', async () => {
    const api = await TestApiServer.start();
    await api.must(`POST ${SERVICES}`, service('web', { clusterIP: '10.96.0.10' }));
    assert.deepEqual(await addressNames(api), ['10.96.0.1', '10.96.0.10']);
    const { metadata, spec } = await api.must(`GET ${ADDRESSES}/10.96.0.10`);
    assert.deepEqual(metadata.labels, {
      'ipaddress.kubernetes.io/ip-family': 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    });
    assert.deepEqual(spec.parentRef, { resource: 'services', namespace: 'default', name: 'web' });
  });

  it('is that of a generated name', async () => {
    const api = await TestApiServer.start();
    const made = await api.must(`POST ${SERVICES}`, {
      ...service(''),
      metadata: { generateName: 'web-' },
    });
    const { spec } = await api.must(`GET ${ADDRESSES}/${made.spec.clusterIP}`);
    assert.equal(spec.parentRef.name, made.metadata.name);
  });

  it('is given back when the Service is deleted, becomes external, or was never stored', async () => {
    const api = await TestApiServer.start();
    await api.must(`POST ${SERVICES}`, service('a'));
    await api.must(`POST ${SERVICES}`, service('b'));
    assert.equal((await addressNames(api)).length, 3);
    await api.must(`DELETE ${SERVICES}/a`);
    await api.must(`PATCH ${SERVICES}/b`, { spec: { type: 'ExternalName', externalName: 'x.y' } });
    assert.match(await api.refusal(`POST ${SERVICES}`, service('c', { ports: [] })), /^422 /);
    assert.match(await api.refusal(`POST ${SERVICES}`, service('b')), /^409 /);
    assert.deepEqual(await addressNames(api), ['10.96.0.1']);
  });

  it('is given back when a status without finalizers ends the Service, with its endpoints', async () => {
    const api = await TestApiServer.start();
    const endpoints = '/api/v1/namespaces/default/endpoints';
    const web = service('web');
    await api.must(`POST ${SERVICES}`, {
      ...web,
      metadata: { ...web.metadata, finalizers: ['x.io/y'] },
    });
    await api.must(`POST ${endpoints}`, { metadata: { name: 'web' } });
    await api.must(`DELETE ${SERVICES}/web`);
    assert.equal((await addressNames(api)).length, 2);
    await api.must(`PATCH ${SERVICES}/web/status`, { metadata: { finalizers: null } });
    assert.deepEqual(await addressNames(api), ['10.96.0.1']);
    assert.equal((await api.call(`GET ${endpoints}/web`)).status, 404);
  });

  it('is none after a dry run, which answers with the address of the network', async () => {
    const api = await TestApiServer.start();
    const { spec } = await api.must(`POST ${SERVICES}?dryRun=All`, service('a'));
    assert.equal(spec.clusterIP, '10.96.0.0');
    assert.match(
      await api.refusal(`POST ${SERVICES}?dryRun=All`, service('a', { clusterIP: '10.97.0.1' })),
      /^422 .*failed to allocate IP 10.97.0.1: the provided IP \(10.97.0.1\) is not in the valid range. The range of valid IPs is 10.96.0.0\/16$/,
    );
    assert.deepEqual(await addressNames(api), ['10.96.0.1']);
  });

  it('is never that of another, though two servers give addresses out of one store', async () => {
    const serviceClusterIpRange = '10.96.0.0/27';
    const one = await TestApiServer.start({ serviceClusterIpRange });
    const { environment, store } = one;
    const two = await TestApiServer.start({ serviceClusterIpRange, environment, store });
    const replies = await Promise.all(
      Array.from({ length: 29 }, (_, i) =>
        (i % 2 === 0 ? one : two).must(`POST ${SERVICES}`, service(`s${i}`)),
      ),
    );
    const given = new Set(replies.map(({ spec }) => spec.clusterIP));
    assert.equal(given.size, 29);
    const [first, second] = await Promise.all([
      one.call(`POST ${SERVICES}`, service('x')),
      two.call(`POST ${SERVICES}`, service('y')),
    ]);
    assert.deepEqual([first.status, second.status], [500, 500]);
    assert.match(
      first.body.message,
      /failed to allocate a serviceIP for Service "x": range is full$/,
    );
  });

  it('can be taken by somebody else before', async () => {
    const api = await TestApiServer.start();
    await api.must(`POST ${ADDRESSES}`, {
      metadata: { name: '10.96.0.20' },
      spec: { parentRef: { group: 'x.io', resource: 'gateways', name: 'g' } },
    });
    assert.match(
      await api.refusal(`POST ${SERVICES}`, service('a', { clusterIP: '10.96.0.20' })),
      /failed to allocate IP 10.96.0.20: provided IP is already allocated$/,
    );
  });
});

describe('ranges at run time', () => {
  const small = { serviceClusterIpRange: '10.96.0.0/30' };
  const range = (name: string, ...cidrs: string[]) => ({ metadata: { name }, spec: { cidrs } });

  it('give addresses when the first is full', async () => {
    const api = await TestApiServer.start(small);
    await api.must(`POST ${SERVICES}`, service('a'));
    assert.match(await api.refusal(`POST ${SERVICES}`, service('b')), /^500 .*range is full$/);
    await api.must(`POST ${CIDRS}`, range('more', '10.97.0.0/24'));
    const { spec } = await api.must(`POST ${SERVICES}`, service('b'));
    assert.match(spec.clusterIP, /^10\.97\.0\./);
    await api.must(`POST ${SERVICES}`, service('c', { clusterIP: '10.97.0.9' }));
  });

  it('give none while they are not ready, are being deleted, or are of another family', async () => {
    const api = await TestApiServer.start(small);
    await api.must(`POST ${SERVICES}`, service('a'));
    await api.must(`POST ${CIDRS}`, range('six', 'fd00::/112'));
    await api.must(`POST ${CIDRS}`, range('off', '10.97.0.0/24'));
    const condition = {
      type: 'Ready',
      status: 'False',
      reason: 'x',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    await api.must(`PATCH ${CIDRS}/off/status`, { status: { conditions: [condition] } });
    const going = range('going', '10.98.0.0/24');
    const metadata = { ...going.metadata, finalizers: ['x.io/y'] };
    await api.must(`POST ${CIDRS}`, { ...going, metadata });
    await api.must(`DELETE ${CIDRS}/going`);
    assert.match(await api.refusal(`POST ${SERVICES}`, service('b')), /^500 .*range is full$/);
    assert.match(
      await api.refusal(`POST ${SERVICES}`, service('b', { clusterIP: '10.97.0.9' })),
      /^422 .*the provided network does not match the current range$/,
    );
    await api.must(`POST ${CIDRS}`, range('again', '10.98.0.0/24'));
    await api.must(`POST ${SERVICES}`, service('b', { clusterIP: '10.98.0.9' }));
  });
});
