/** What the node declares, it does. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Container } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { NODE, POD } from '../resources.ts';

const SECOND = 1000;
const sized = (name: string, cpu: string): Container => ({
  name,
  image: 'i',
  resources: { requests: { cpu } },
});

async function start(t: TestContext): Promise<KubeletWorld> {
  const cluster = await TestCluster.start({ nodes: 0 });
  t.after(() => cluster.stop());
  const world = await KubeletWorld.make(cluster);
  t.after(() => world.stop());
  await world.start();
  await world.advance(SECOND);
  await cluster.create(POD, {
    metadata: { name: 'p', namespace: 'default' },
    spec: {
      nodeName: 'n1',
      automountServiceAccountToken: false,
      initContainers: [sized('first', '100m')],
      containers: [sized('main', '100m')],
    },
  });
  await world.advance(5 * SECOND);
  return world;
}

describe('status.declaredFeatures', () => {
  it('are those that are built, and on by default', async (t) => {
    const { cluster } = await start(t);
    const [node] = await cluster.list(NODE);
    assert.deepEqual(node?.status?.declaredFeatures, [
      'ExtendWebSocketsToKubelet',
      'InPlacePodLevelResourcesVerticalScaling',
      'InPlacePodVerticalScalingInitContainers',
      'RestartAllContainersOnContainerExits',
    ]);
  });

  it('an init container that runs is resized in place, and goes on', async (t) => {
    const world = await start(t);
    assert.deepEqual(world.running(), ['p/first']);
    const resized = { spec: { initContainers: [sized('first', '300m')] } };
    const at = { name: 'p', namespace: 'default' };
    await world.cluster.run(
      world.cluster.client.patch(POD, at, 'strategic', resized, { subresource: 'resize' }),
    );
    await world.advance(5 * SECOND);
    const updates = world.cri.updates.map(([name, { cpuShares }]) => [name, cpuShares]);
    assert.deepEqual(updates, [['first', 307]]);
    const [status] = (await world.pod('p'))?.status?.initContainerStatuses ?? [];
    assert.deepEqual(
      [status?.restartCount, status?.resources?.requests, status?.allocatedResources],
      [0, { cpu: '300m' }, { cpu: '300m' }],
    );
    const [first] = world.cri.containers.keys();
    world.cri.exit(first ?? '', 0);
    await world.advance(5 * SECOND);
    assert.deepEqual(world.running(), ['p/main']);
  });

  it('one that has ended keeps what it had', async (t) => {
    const world = await start(t);
    const [first] = world.cri.containers.keys();
    world.cri.exit(first ?? '', 0);
    await world.advance(5 * SECOND);
    const resized = { spec: { initContainers: [sized('first', '300m')] } };
    const at = { name: 'p', namespace: 'default' };
    await world.cluster.run(
      world.cluster.client.patch(POD, at, 'strategic', resized, { subresource: 'resize' }),
    );
    await world.advance(5 * SECOND);
    assert.deepEqual(world.cri.updates, []);
    assert.deepEqual(world.running(), ['p/main']);
    const conditions = (await world.pod('p'))?.status?.conditions ?? [];
    assert.deepEqual(
      conditions.filter(({ type }) => type.startsWith('PodResize')),
      [],
    );
  });
});
