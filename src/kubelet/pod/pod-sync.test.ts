/** What a pass over a pod does besides its containers, and when. */
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

it('a pod without a directory for its logs has a sandbox, and no container until it has one', async () => {
  const cluster = await TestCluster.start({ nodes: 0 });
  const world = await KubeletWorld.make(cluster);
  await world.start();
  const { fileSystem } = world;
  const makeDirectory = fileSystem.makeDirectory.bind(fileSystem);
  let isFull = true;
  fileSystem.makeDirectory = (path) =>
    isFull && /_one_[^/]*$/.test(path) ? Promise.reject(new Error('ENOSPC')) : makeDirectory(path);
  await world.runPod('one');
  await world.runPod('two');
  assert.deepEqual(world.running(), ['two/main']);
  const { length } = world.cri.sandboxRequests;
  isFull = false;
  await world.advance(20_000);
  assert.deepEqual(world.running(), ['one/main', 'two/main']);
  assert.equal(world.cri.sandboxRequests.length, length);
  assert.equal(length, 2);
  await world.stop();
  await cluster.stop();
});

it('an image is looked for while the sandbox is made, and not again when it was there', async () => {
  const cluster = await TestCluster.start({ nodes: 0 });
  const world = await KubeletWorld.make(cluster);
  await world.start();
  const seen: string[] = [];
  const { cri } = world;
  const call = cri.call.bind(cri);
  cri.call = async (name, request, options) => {
    if (name === 'imageStatus' || name === 'createContainer') seen.push(name);
    const answer = await call(name, request, options);
    if (name === 'runPodSandbox') seen.push('sandbox');
    return answer;
  };
  await world.runPod('one', {
    containers: [{ name: 'main', image: 'i', imagePullPolicy: 'IfNotPresent' }],
  });
  assert.deepEqual(seen, ['imageStatus', 'sandbox', 'createContainer']);
  await world.stop();
  await cluster.stop();
});
