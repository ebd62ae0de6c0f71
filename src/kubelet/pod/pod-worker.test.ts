/** One pod's life, in virtual time, against a runtime and an API in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PodWorld as World } from '#kit/kubelet/pod-world.ts';

describe('PodWorker', () => {
  it('runs a pod and reports it, in no time', async () => {
    const world = new World();
    await world.start();
    assert.equal(world.pod?.status?.phase, 'Running');
    assert.deepEqual(world.running(), ['main']);
  });

  it('fails a pod that the node does not take, and makes nothing of it', async () => {
    const world = new World();
    const ports = [{ containerPort: 80, hostPort: 8080, protocol: 'TCP' as const }];
    const containers = [{ name: 'main', image: 'i', ports }];
    world.taken = [{ metadata: { uid: 'other' }, spec: { containers } }];
    await world.start({ containers });
    const message =
      "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    const { startTime, ...status } = world.pod?.status ?? {};
    assert.deepEqual(status, {
      observedGeneration: 1,
      phase: 'Failed',
      reason: 'NodePorts',
      message: `Pod was rejected: ${message}`,
      qosClass: 'BestEffort',
    });
    assert.notEqual(startTime, undefined);
    assert.deepEqual(
      world.events.map(({ type, reason, message: text }) => [type, reason, text]),
      [['Warning', 'NodePorts', message]],
    );
    assert.deepEqual([world.cri.sandboxes.size, world.worker?.isTaken], [0, false]);
    await world.delete();
    assert.deepEqual([world.pod, world.removed], [undefined, true]);
  });

  it('holds what a pod asked for until all of it has stopped', async () => {
    const world = new World();
    await world.start();
    world.cri.stopMs = 5000;
    await world.delete();
    assert.equal(world.worker?.isTaken, true);
    await world.environment.advance(5000);
    assert.equal(world.worker.isTaken, false);
  });

  it('does not ask again about a pod that ran before the kubelet started', async () => {
    const world = new World();
    await world.start();
    await world.worker?.stop();
    world.taken = Array.from({ length: 10 }, (_, i) => ({ metadata: { uid: `${i}` } }));
    world.worker = world.work(world.pod ?? {});
    await world.environment.advance(0);
    assert.equal(world.pod?.status?.phase, 'Running');
  });

  it('makes one sandbox, also when the volumes fail beside it', async () => {
    const world = new World();
    let isThere = false;
    world.node.volumes.mount = () =>
      isThere ? Promise.resolve(new Map()) : Promise.reject(new Error('configmap not found'));
    await world.start();
    assert.deepEqual(world.running(), []);
    isThere = true;
    await world.environment.advance(2_000);
    assert.deepEqual(world.running(), ['main']);
    assert.equal(world.cri.sandboxes.size, 1);
  });

  for (const call of ['runPodSandbox', 'createContainer', 'startContainer'] as const)
    it(`runs one container in one sandbox when the runtime dies in ${call}`, async () => {
      const world = new World();
      world.cri.crash = { call, downMs: 3_000 };
      await world.start();
      await world.environment.advance(60_000);
      assert.deepEqual([world.running(), world.cri.sandboxes.size], [['main'], 1]);
      assert.equal(world.pod?.status?.phase, 'Running');
    });

  it('runs one container when the runtime dies as it is asked what has become of it', async () => {
    const world = new World();
    world.cri.onStart = () => {
      world.cri.onStart = () => {};
      world.cri.crash = { call: 'listContainers', downMs: 3_000 };
    };
    await world.start();
    await world.environment.advance(60_000);
    assert.deepEqual([world.running(), world.cri.containerRequests.length], [['main'], 1]);
  });

  it('starts a container that fails again after 10, 20, 40 seconds', async () => {
    const world = new World();
    const starts: number[] = [];
    world.cri.onStart = (id) => {
      starts.push(Math.round(world.environment.elapsedMs / 1000));
      world.environment.timers.after(1, () => {
        world.cri.exit(id, 1);
        void world.node.cache.relist();
      });
    };
    await world.start();
    await world.environment.advance(100_000);
    assert.deepEqual(starts, [0, 0, 10, 30, 70]);
    const [status] = world.pod?.status?.containerStatuses ?? [];
    assert.equal(status?.restartCount, 4);
    assert.match(
      status?.state?.waiting?.message ?? '',
      /^back-off 1m20s restarting failed container=main/,
    );
    const kept = [...world.cri.containers.values()].length;
    assert.equal(kept, 2, 'the last, and the one before it for its log');
  });

  it('runs init containers one after the other', async () => {
    const world = new World();
    const order: string[] = [];
    world.cri.onStart = (id, name) => {
      order.push(name);
      if (name !== 'main') {
        world.environment.timers.after(1000, () => {
          world.cri.exit(id, 0);
          void world.node.cache.relist();
        });
      }
    };
    await world.start({
      initContainers: [
        { name: 'a', image: 'i' },
        { name: 'b', image: 'i' },
      ],
    });
    assert.deepEqual([order, world.pod?.status?.phase], [['a'], 'Pending']);
    await world.environment.advance(1000);
    assert.deepEqual(order, ['a', 'b']);
    await world.environment.advance(1000);
    assert.deepEqual([order, world.pod?.status?.phase], [['a', 'b', 'main'], 'Running']);
  });

  it('keeps the object until all has stopped, and then removes everything', async () => {
    const world = new World();
    await world.start();
    world.cri.stopMs = 5000;
    await world.delete();
    await world.environment.advance(4999);
    assert.deepEqual([world.running(), world.pod === undefined], [['main'], false]);
    await world.environment.advance(1);
    assert.deepEqual([world.pod, world.removed], [undefined, true]);
    assert.deepEqual([world.cri.containers.size, world.cri.sandboxes.size], [0, 0]);
    const killing = world.events.find(({ reason }) => reason === 'Killing');
    assert.equal(killing?.message, 'Stopping container main');
  });

  it('ends a pod sooner when its grace period is shortened', async () => {
    const world = new World();
    await world.start();
    world.cri.stopMs = 1_000_000;
    await world.delete(30);
    await world.environment.advance(5000);
    await world.delete(3);
    await world.environment.advance(2999);
    assert.equal(world.pod === undefined, false);
    await world.environment.advance(1);
    assert.equal(world.pod, undefined);
  });

  it('stops what runs of a pod that the API has forgotten', async () => {
    const world = new World();
    await world.start();
    world.worker?.forgotten(world.pod!);
    await world.environment.advance(0);
    assert.deepEqual([world.running(), world.removed], [[], true]);
  });

  it('stops sidecars after the containers they serve, the last first', async () => {
    const world = new World();
    const sidecar = (name: string) => ({ name, image: 'i', restartPolicy: 'Always' });
    await world.start({ initContainers: [sidecar('s1'), sidecar('s2')] });
    assert.deepEqual(world.running(), ['s1', 's2', 'main']);
    world.cri.stopMs = 1000;
    await world.delete();
    await world.environment.advance(1000);
    assert.deepEqual(world.running(), ['s1', 's2']);
    await world.environment.advance(1000);
    assert.deepEqual(world.running(), ['s1']);
    await world.environment.advance(1000);
    assert.equal(world.pod, undefined);
  });

  it('fails a pod after its deadline, and keeps the object', async () => {
    const world = new World();
    await world.start({ activeDeadlineSeconds: 60 });
    await world.environment.advance(59_000);
    assert.equal(world.pod?.status?.phase, 'Running');
    await world.environment.advance(2000);
    assert.deepEqual(
      [world.pod?.status?.phase, world.pod?.status?.reason],
      ['Failed', 'DeadlineExceeded'],
    );
    assert.deepEqual(world.running(), []);
  });

  it('writes nothing once it has settled', async () => {
    const world = new World();
    await world.start();
    const before = world.pod?.metadata?.resourceVersion;
    world.worker?.update(world.pod!);
    await world.environment.advance(600_000);
    assert.equal(world.pod?.metadata?.resourceVersion, before);
  });

  it('takes over what runs, after a restart of the kubelet', async () => {
    const world = new World();
    await world.start();
    await world.worker?.stop();
    world.worker = world.work(world.pod!);
    await world.environment.advance(60_000);
    assert.equal(world.cri.containers.size, 1);
    assert.equal(world.pod?.status?.containerStatuses?.[0]?.restartCount, 0);
  });
});
