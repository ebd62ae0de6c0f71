/** What programs of the node are told of devices, and how often they may ask. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { POD_RESOURCES, podResourcesPath } from './pod-resources-api.ts';
import { podResourcesMethods } from './pod-resources-server.ts';

const POD: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: {
    initContainers: [{ name: 'once' }, { name: 'aside', restartPolicy: 'Always' }],
    containers: [{ name: 'main' }],
  },
};

describe('the PodResources API', () => {
  const environment = new VirtualEnvironment();
  const registry = new MetricRegistry();
  const { unary = {} } = podResourcesMethods({
    clock: environment.clock,
    registry,
    activePods: () => [POD],
    findPod: (namespace, name) => (namespace === 'n' && name === 'p' ? POD : undefined),
    devicesOf: (uid, container) =>
      uid === 'u' && container === 'main'
        ? [{ resource: 'x/gpu', byNode: { '-1': ['a'], 0: ['b', 'c'], 1: ['c'] } }]
        : [],
    claimsOf: () => [],
    allocatable: () => [{ resource: 'x/gpu', byNode: { '-1': ['a', 'd'] } }],
  });
  const signal = new AbortController().signal;
  const ask = async (method: string, request: Uint8Array): Promise<Uint8Array> =>
    (await unary[podResourcesPath(method)]?.(request, { signal })) ?? new Uint8Array();

  const DEVICES = [
    { resourceName: 'x/gpu', deviceIds: ['b'], topology: { nodes: [{}] } },
    { resourceName: 'x/gpu', deviceIds: ['c'], topology: { nodes: [{}] } },
    { resourceName: 'x/gpu', deviceIds: ['c'], topology: { nodes: [{ ID: 1 }] } },
    { resourceName: 'x/gpu', deviceIds: ['a'] },
  ];
  const SHOWN = {
    name: 'p',
    namespace: 'n',
    containers: [{ name: 'aside' }, { name: 'main', devices: DEVICES }],
  };

  it('lists containers that stay, with a device for each NUMA node', async () => {
    const bytes = await ask('List', POD_RESOURCES.encode('ListPodResourcesRequest', {}));
    const { podResources } = POD_RESOURCES.decode('ListPodResourcesResponse', bytes);
    assert.deepEqual(podResources, [SHOWN]);
  });

  it('finds one pod, and says when it is not here', async () => {
    const request = (podName: string) =>
      POD_RESOURCES.encode('GetPodResourcesRequest', { podName, podNamespace: 'n' });
    const { podResources } = POD_RESOURCES.decode(
      'GetPodResourcesResponse',
      await ask('Get', request('p')),
    );
    assert.deepEqual(podResources, SHOWN);
    await assert.rejects(ask('Get', request('q')), /^Error: pod q in namespace n not found$/);
  });

  it('says what there is, given away or not', async () => {
    const request = POD_RESOURCES.encode('AllocatableResourcesRequest', {});
    const answer = POD_RESOURCES.decode(
      'AllocatableResourcesResponse',
      await ask('GetAllocatableResources', request),
    );
    assert.deepEqual(answer, {
      devices: ['a', 'd'].map((id) => ({ resourceName: 'x/gpu', deviceIds: [id] })),
    });
  });

  it('answers ten at once and a hundred a second, and counts', async () => {
    await environment.advance(1000);
    const request = POD_RESOURCES.encode('ListPodResourcesRequest', {});
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, () => ask('List', request)),
    );
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 2);
    assert.match(
      String(refused[0]?.status === 'rejected' && refused[0].reason),
      /code = ResourceExhausted desc = rejected by rate limit/,
    );
    await environment.advance(10);
    await ask('List', request);
    for (const line of ['requests_total', 'requests_list'])
      assert.match(registry.text(), new RegExp(`endpoint_${line}{server_api_version="v1"} 1\\d\n`));
    for (const line of ['requests_get_allocatable', 'errors_get'])
      assert.match(registry.text(), new RegExp(`endpoint_${line}{server_api_version="v1"} 1\n`));
  });

  it('refuses what is no message', async () => {
    await environment.advance(1000);
    await assert.rejects(ask('Get', Uint8Array.of(10, 200)), /code = Internal/);
  });
});
