/** Stories of Endpoints and EndpointSlices in a whole cluster. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ENDPOINTS } from '#api/core/endpoints.ts';
import { EVENT } from '#api/core/event.ts';
import { POD } from '#api/core/pod.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { Pod, Service, ServiceSpec } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { TestCluster } from '#kit/cluster.ts';

const LABELS = { app: 'web' };
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

const service = (spec: ServiceSpec): Service => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: { ports: [{ port: 80 }], ...spec },
});
const pod = (name: string): Pod => ({
  metadata: { name, namespace: 'default', labels: LABELS },
  spec: { containers: [{ name: 'main', image: 'web' }] },
});

async function slicesOf(cluster: TestCluster): Promise<EndpointSlice[]> {
  const slices = await cluster.list(ENDPOINT_SLICE, 'default');
  return slices.filter(({ metadata }) => metadata?.generateName === 'web-');
}

describe('endpoints', () => {
  it('say when what they tell of happened', async () => {
    // A Pod becomes ready in another second than it began to be not ready.
    const cluster = await TestCluster.start({ delays: { readyMs: 3_000 } });
    const { metadata } = await cluster.create(SERVICE, service({ selector: LABELS }));
    await cluster.settle();
    const times = async (): Promise<(string | undefined)[]> => {
      const objects = [
        await cluster.get(ENDPOINTS, 'web', 'default'),
        ...(await slicesOf(cluster)),
      ];
      return objects.map((each) => each.metadata?.annotations?.[TRIGGER_TIME]);
    };
    const made = metadata?.creationTimestamp;
    assert.deepEqual(await times(), [made, made]);
    await cluster.advance(60_000);
    await cluster.create(POD, pod('a'));
    await cluster.settle();
    const { status } = await cluster.get(POD, 'a', 'default');
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
    assert.notEqual(ready, made);
    assert.deepEqual(await times(), [ready, ready]);
    // A change that has no time takes the old one away.
    await cluster.patch(SERVICE, service({}), { metadata: { labels: { tier: 'front' } } });
    await cluster.settle();
    assert.deepEqual(await times(), [undefined, undefined]);
    await cluster.stop();
  });

  it('of Services that went while nobody looked go at the start', async () => {
    const cluster = await TestCluster.start();
    await cluster.stopComponents();
    await cluster.create(ENDPOINTS, { metadata: { name: 'left', namespace: 'default' } });
    const leader = { 'control-plane.alpha.kubernetes.io/leader': '{}' };
    const elected = { metadata: { name: 'elected', namespace: 'default', annotations: leader } };
    await cluster.create(ENDPOINTS, elected);
    await cluster.startComponents();
    await cluster.create(ENDPOINTS, { metadata: { name: 'early', namespace: 'default' } });
    await cluster.settle();
    const names = (await cluster.list(ENDPOINTS, 'default')).map(({ metadata }) => metadata?.name);
    assert.deepEqual(new Set(names), new Set(['kubernetes', 'early', 'elected']));
    await cluster.stop();
  });

  it('are not made for a selector that is empty', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(POD, pod('a'));
    await cluster.create(SERVICE, service({ selector: {} }));
    await cluster.settle();
    assert.deepEqual(await slicesOf(cluster), []);
    await assert.rejects(cluster.get(ENDPOINTS, 'web', 'default'), { reason: 'NotFound' });
    await cluster.stop();
  });
});

describe('slices', () => {
  it('have hints by topology where the Service asks for them', async () => {
    const cluster = await TestCluster.start({
      nodes: 2,
      nodeLabels: (name) => ({ 'topology.kubernetes.io/zone': `zone-of-${name}` }),
    });
    const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
    const web = service({ selector: LABELS, trafficDistribution: 'PreferSameNode' });
    await cluster.create(SERVICE, { ...web, metadata: { ...web.metadata, annotations } });
    for (const name of ['node-1', 'node-2']) {
      const bound = pod(`on-${name}`);
      await cluster.create(POD, { ...bound, spec: { ...bound.spec!, nodeName: name } });
    }
    await cluster.settle();
    const hints = async (): Promise<unknown[]> =>
      (await slicesOf(cluster))
        .flatMap(({ endpoints }) => endpoints)
        .map(({ nodeName, hints: given }) => [nodeName, given]);
    const forZone = (name: string): object => ({ forZones: [{ name: `zone-of-${name}` }] });
    assert.deepEqual(await hints(), [
      ['node-1', forZone('node-1')],
      ['node-2', forZone('node-2')],
    ]);
    const before = (await slicesOf(cluster))[0]?.metadata?.resourceVersion;
    await cluster.advance(60_000);
    assert.equal((await slicesOf(cluster))[0]?.metadata?.resourceVersion, before, 'rests');
    await cluster.patch(SERVICE, web, {
      metadata: { annotations: null },
      spec: { trafficDistribution: null },
    });
    await cluster.settle();
    assert.deepEqual(await hints(), [
      ['node-1', undefined],
      ['node-2', undefined],
    ]);
    const events = await cluster.list(EVENT, 'default');
    const reasons = events
      .filter(({ involvedObject }) => involvedObject.kind === 'Service')
      .map(({ reason }) => reason);
    assert.equal(reasons.at(-1), 'TopologyAwareHintsDisabled');
    assert.ok(reasons.includes('TopologyAwareHintsEnabled'));
    await cluster.stop();
  });

  it('leave out a Pod whose node is unknown, and the Service is told', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(SERVICE, service({ selector: LABELS }));
    const lost = pod('lost');
    await cluster.create(POD, { ...lost, spec: { ...lost.spec!, nodeName: 'ghost' } });
    const body = { status: { podIPs: [{ ip: '10.0.0.9' }], podIP: '10.0.0.9' } };
    await cluster.run(
      cluster.client.patch(POD, { name: 'lost', namespace: 'default' }, 'strategic', body, {
        subresource: 'status',
      }),
    );
    await cluster.advance(2_000);
    const events = await cluster.list(EVENT, 'default');
    assert.deepEqual(
      events
        .filter(({ reason }) => reason === 'FailedToUpdateEndpointSlices')
        .map(({ message, source, involvedObject }) => [
          message,
          source?.component,
          involvedObject.kind,
        ]),
      [
        [
          'Error updating Endpoint Slices for Service default/web: skipping Pod lost for Service default/web: Node ghost Not Found',
          'endpoint-slice-controller',
          'Service',
        ],
      ],
    );
    await cluster.stop();
  });
});
