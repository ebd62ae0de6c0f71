/** What a pass over a pod does besides its containers. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';

it('who keeps the network learns the addresses of a sandbox before a container starts', async () => {
  const cluster = await TestCluster.start({ nodes: 0 });
  const world = await KubeletWorld.make(cluster);
  const told: unknown[] = [];
  await world.start(
    {},
    {
      onPodAddresses: async (addresses) => {
        told.push({ addresses, containers: world.running() });
      },
    },
  );
  await world.runPod('one');
  const { podIP } = (await world.pod('one'))?.status ?? {};
  assert.deepEqual(world.running(), ['one/main']);
  assert.deepEqual(told, [{ addresses: [podIP], containers: [] }]);
  await world.stop();
  await cluster.stop();
});
