/** Eviction on a whole kubelet, against a real API server, in virtual time. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { PodSpec } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld, MANIFESTS } from '#kit/kubelet/kubelet-world.ts';
import { NODE, POD } from '../resources.ts';
import { defaultKubeletConfiguration } from '../config/defaults.ts';
import { EvictionManager, type EvictionManagerOptions } from './eviction-manager.ts';
import type { Observation, Signal } from './signals.ts';

const SECOND = 1000;
const MEMINFO = '/proc/meminfo';

describe('eviction', () => {
  let cluster: TestCluster;
  let world: KubeletWorld;

  beforeEach(async () => {
    cluster = await TestCluster.start({ nodes: 0 });
    world = await KubeletWorld.make(cluster);
  });
  afterEach(async () => {
    await world.stop();
    await cluster.stop();
  });

  const create = (name: string, spec: Partial<PodSpec> = {}) =>
    cluster.create(POD, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: {
        nodeName: 'n1',
        hostNetwork: true,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: 'i' }],
        ...spec,
      },
    });
  const memory = (availableKib: number) =>
    world.fileSystem.writeFile(MEMINFO, `MemTotal: 4194304 kB\nMemAvailable: ${availableKib} kB\n`);
  const condition = async (type: string) =>
    (await cluster.get(NODE, 'n1')).status?.conditions?.find((one) => one.type === type)?.status;
  const taints = async () => (await cluster.get(NODE, 'n1')).spec?.taints?.map(({ key }) => key);

  it('for memory: the pod fails, the node says so, and takes no BestEffort pods for 5 minutes', async () => {
    await world.start();
    await create('victim', { terminationGracePeriodSeconds: 30 });
    await world.advance(12 * SECOND);
    assert.deepEqual(world.running(), ['victim/main']);
    world.cri.stopMs = 20 * SECOND;
    await memory(50 * 1024);
    await world.advance(15 * SECOND);
    const message =
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ';
    const victim = await world.pod('victim');
    assert.deepEqual(
      [victim?.status?.phase, victim?.status?.reason, victim?.status?.message],
      ['Failed', 'Evicted', message],
    );
    const target = victim?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual(
      [target?.status, target?.reason, target?.message],
      ['True', 'TerminationByKubelet', message],
    );
    assert.deepEqual(world.running(), [], 'a second of grace');
    const told = world.events.map(({ type, reason, message: text }) => `${type} ${reason} ${text}`);
    assert.ok(told.includes(`Warning Evicted ${message}`));
    assert.ok(told.includes('Warning EvictionThresholdMet Attempting to reclaim memory'));
    assert.equal(await condition('MemoryPressure'), 'True');
    assert.ok((await taints())?.includes('node.kubernetes.io/memory-pressure'));

    await memory(3_000_000);
    await create('late');
    await world.advance(12 * SECOND);
    const late = (await world.pod('late'))?.status;
    assert.deepEqual(
      [late?.phase, late?.reason, late?.message],
      ['Failed', 'Evicted', 'Pod was rejected: The node had condition: [MemoryPressure]. '],
    );
    await world.advance(310 * SECOND);
    assert.equal(await condition('MemoryPressure'), 'False');
    await create('later');
    await world.advance(12 * SECOND);
    assert.deepEqual(world.running(), ['later/main']);
  });

  it('spares static and critical pods', async () => {
    await world.write(
      'web.yaml',
      'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  hostNetwork: true\n  containers: [{name: main, image: i}]',
    );
    await world.start({ staticPodPath: MANIFESTS });
    await create('critical', { priorityClassName: 'system-node-critical' });
    await world.advance(5 * SECOND);
    await memory(1);
    await world.advance(60 * SECOND);
    assert.deepEqual(world.running(), ['critical/main', 'web-n1/main']);
  });

  it('for disk: both conditions of the disk and of process ids are told', async () => {
    await world.start();
    await create('victim');
    await world.advance(5 * SECOND);
    world.fileSystem.space = { capacity: 1000, available: 99, inodes: 1000, inodesFree: 500 };
    await world.fileSystem.writeFile('/proc/loadavg', '0 0 0 1/32768 1');
    await world.advance(15 * SECOND);
    assert.match(
      (await world.pod('victim'))?.status?.message ?? '',
      /^The node was low on resource: /,
    );
    assert.deepEqual(
      [await condition('DiskPressure'), await condition('MemoryPressure')],
      ['True', 'False'],
    );
  });
});

describe('EvictionManager', () => {
  const make = (over: Partial<EvictionManagerOptions> = {}) => {
    const cluster = { nowMs: 0 };
    const evicted: string[] = [];
    const state = { images: 0, memory: 1e9, disk: 500, isClean: true, freed: 500 };
    const measured: string[][] = [];
    const limit = { resources: { limits: { 'ephemeral-storage': '1Gi' } } };
    const pods = ['a', 'b'].map((name) => ({
      metadata: { name, uid: name },
      spec: {
        terminationGracePeriodSeconds: 20,
        containers: [{ name: 'main', ...(name === 'b' ? limit : {}) }],
      },
    }));
    const manager = new EvictionManager({
      environment: {
        clock: { now: () => cluster.nowMs, monotonicMs: () => cluster.nowMs },
        log: { warn: () => {}, error: () => {}, info: () => {} },
      } as unknown as EvictionManagerOptions['environment'],
      events: { event: () => {} },
      nodeName: 'n1',
      config: defaultKubeletConfiguration(),
      observer: {
        observe: (asked) => {
          measured.push(asked.map(({ metadata }) => metadata?.name ?? ''));
          return Promise.resolve({
            signals: new Map<Signal, Observation>([
              ['memory.available', { available: state.memory, capacity: 4e9 }],
              ['nodefs.available', { available: state.disk, capacity: 1000 }],
            ]),
            pods: new Map(),
            hasImageFs: false,
            hasContainerFs: false,
          });
        },
      },
      pods: {
        list: () => pods,
        evict: ({ metadata }, { gracePeriodSeconds }) => {
          evicted.push(`${metadata?.name} ${gracePeriodSeconds}`);
        },
        isCleanedUp: () => state.isClean,
      },
      freeImages: () => {
        state.images++;
        state.disk = state.freed;
        return Promise.resolve();
      },
      onConditions: () => {},
      ...over,
    });
    return { manager, evicted, state, cluster, measured };
  };

  it('measures the pods that have limits, and all of them when the node is short', async () => {
    const { manager, state, measured } = make();
    await manager.look();
    assert.deepEqual(measured, [['b']]);
    state.memory = 1;
    await manager.look();
    assert.deepEqual(measured.slice(1), [['b'], ['a', 'b']]);
  });
  it('frees images before it evicts for disk, and evicts no pod when that was enough', async () => {
    const { manager, evicted, state } = make();
    state.disk = 50;
    await manager.look();
    assert.deepEqual([state.images, evicted], [1, []]);
    state.disk = 50;
    state.freed = 60;
    await manager.look();
    assert.deepEqual([state.images, evicted], [2, ['a 1']]);
  });
  it('frees no images for memory, and evicts one pod at a time', async () => {
    const { manager, evicted, state } = make();
    state.memory = 1;
    await manager.look();
    assert.deepEqual([state.images, evicted], [0, ['a 1']]);
  });
  it('gives the pods that a soft threshold evicts the shorter of two graces', async () => {
    for (const [max, grace] of [
      [10, 10],
      [60, 20],
      [-1, 20],
    ]) {
      const { manager, evicted, state, cluster } = make({
        config: defaultKubeletConfiguration({
          evictionHard: {},
          evictionSoft: { 'memory.available': '1Mi' },
          evictionSoftGracePeriod: { 'memory.available': '30s' },
          evictionMaxPodGracePeriod: max ?? 0,
        }),
      });
      state.memory = 1;
      await manager.look();
      assert.deepEqual(evicted, []);
      cluster.nowMs = 30_000;
      await manager.look();
      assert.deepEqual(evicted, [`a ${grace}`]);
    }
  });
});
