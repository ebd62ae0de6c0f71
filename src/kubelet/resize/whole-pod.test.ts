/**
 * Resizes of whole pods (KEP-5419): through the API server, to the cgroup of the pod and its
 * containers, and back in the status. In virtual time, with cgroups of version 1 in memory.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Container, Pod, ResourceRequirements } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { NODE, POD } from '../resources.ts';

const SECOND = 1000;
const MEBI = 2 ** 20;
const MOUNTS = ['cpu', 'memory', 'pids']
  .map((name) => `cgroup /sys/fs/cgroup/${name} cgroup rw,${name} 0 0\n`)
  .join('');
const PROCESSORS = 'processor : 0\n\n'.repeat(4);
const AT = { name: 'p', namespace: 'default' };

function both(cpu: string, memory: string): ResourceRequirements {
  return { requests: { cpu, memory }, limits: { cpu, memory } };
}

class Story {
  readonly world: KubeletWorld;
  /** What was done to the pod's cgroup and to its containers, in order. */
  readonly done: string[] = [];

  private constructor(world: KubeletWorld) {
    this.world = world;
    const { cri, fileSystem } = world;
    const write = fileSystem.writeFile.bind(fileSystem);
    fileSystem.writeFile = (path, data) => {
      const [, group, file] = /\/kubepods\/(?:.*\/)?(pod)[^/]+\/(.*)$/.exec(path) ?? [];
      if (group !== undefined) this.done.push(`${file}=${Buffer.from(data).toString()}`);
      return write(path, data);
    };
    const update = cri.updates.push.bind(cri.updates);
    cri.updates.push = (...all) => {
      for (const [name, { cpuQuota, memoryLimitInBytes }] of all)
        this.done.push(`${name} ${cpuQuota} ${memoryLimitInBytes}`);
      return update(...all);
    };
  }

  static async start(
    t: TestContext,
    resources: ResourceRequirements,
    containers: Container[] = [{ name: 'main', image: 'i' }],
  ): Promise<Story> {
    const cluster = await TestCluster.start({ nodes: 0 });
    t.after(() => cluster.stop());
    const world = await KubeletWorld.make(cluster);
    t.after(() => world.stop());
    await world.fileSystem.writeFile('/proc/self/mounts', MOUNTS);
    await world.fileSystem.writeFile('/proc/cpuinfo', PROCESSORS);
    const story = new Story(world);
    await world.start();
    await world.advance(SECOND);
    await cluster.create(POD, {
      metadata: AT,
      spec: { nodeName: 'n1', automountServiceAccountToken: false, resources, containers },
    });
    await world.advance(5 * SECOND);
    await story.use(1);
    return story;
  }

  /** Bytes of memory. */
  async use(bytes: number): Promise<void> {
    const { cri, fileSystem } = this.world;
    cri.memoryUsage = 1;
    const path = `/sys/fs/cgroup/memory/${await this.group()}/memory.usage_in_bytes`;
    await fileSystem.writeFile(path, String(bytes));
    this.done.length = 0;
  }

  /** Path of the pod's cgroup below a mount. */
  async group(): Promise<string> {
    const { metadata } = (await this.world.pod('p')) ?? {};
    const { fileSystem } = this.world;
    const below = async (path: string): Promise<string | undefined> => {
      for (const name of await fileSystem.list(path).catch(() => [])) {
        if (name === `pod${metadata?.uid}`) return `${path}/${name}`;
        const found = await below(`${path}/${name}`);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    const found = await below('/sys/fs/cgroup/memory');
    return found?.slice('/sys/fs/cgroup/memory/'.length) ?? '';
  }

  async resize(spec: Partial<Pod['spec']>): Promise<void> {
    const { client } = this.world.cluster;
    await this.world.cluster.run(
      client.patch(POD, AT, 'strategic', { spec }, { subresource: 'resize' }),
    );
    await this.world.advance(5 * SECOND);
  }

  async status() {
    const { status } = (await this.world.pod('p')) ?? {};
    return {
      resources: status?.resources,
      allocated: status?.allocatedResources,
      conditions: (status?.conditions ?? [])
        .filter(({ type }) => type.startsWith('PodResize'))
        .map(({ type, reason = '' }) => `${type} ${reason}`),
      restarts: status?.containerStatuses?.[0]?.restartCount,
    };
  }

  get reasons(): string[] {
    return this.world.events.map(({ reason }) => reason).filter((one) => one.startsWith('Resize'));
  }
}

describe('resize of a whole pod', () => {
  it('raises its cgroup before the containers that it lends its limits', async (t) => {
    const story = await Story.start(t, both('500m', '64Mi'));
    assert.deepEqual(await story.status(), {
      resources: both('500m', '64Mi'),
      allocated: { cpu: '500m', memory: '64Mi' },
      conditions: [],
      restarts: 0,
    });
    await story.resize({ resources: both('1', '128Mi') });
    assert.deepEqual(story.done, [
      `memory.limit_in_bytes=${128 * MEBI}`,
      `main 50000 ${128 * MEBI}`,
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=100000',
      'cpu.shares=1024',
      `main 100000 ${128 * MEBI}`,
    ]);
    assert.deepEqual(await story.status(), {
      resources: both('1', '128Mi'),
      allocated: { cpu: '1', memory: '128Mi' },
      conditions: [],
      restarts: 0,
    });
    assert.deepEqual(story.reasons, ['ResizeStarted', 'ResizeCompleted']);
  });

  it('lowers its cgroup after them', async (t) => {
    const story = await Story.start(t, both('1', '128Mi'));
    await story.resize({ resources: both('500m', '64Mi') });
    assert.deepEqual(story.done, [
      `main 100000 ${64 * MEBI}`,
      `memory.limit_in_bytes=${64 * MEBI}`,
      `main 50000 ${64 * MEBI}`,
      'cpu.shares=512',
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=50000',
    ]);
  });

  it('leaves containers alone that have limits of their own', async (t) => {
    const resources = { requests: { cpu: '100m' }, limits: { cpu: '200m' } };
    const requests = { cpu: '300m' };
    const story = await Story.start(t, { requests, limits: { cpu: '1' } }, [
      { name: 'main', image: 'i', resources },
    ]);
    await story.resize({ resources: { requests, limits: { cpu: '2' } } });
    assert.deepEqual(story.done, ['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=200000']);
    assert.deepEqual(story.reasons, ['ResizeStarted', 'ResizeCompleted']);
    assert.deepEqual((await story.status()).resources?.limits, { cpu: '2' });
  });

  it('starts a container anew that asks for it when what it is lent changes', async (t) => {
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    const story = await Story.start(t, both('1', '64Mi'), [
      { name: 'main', image: 'i', resizePolicy },
    ]);
    await story.resize({ resources: both('2', '64Mi') });
    assert.equal((await story.status()).restarts, 0);
    await story.resize({ resources: both('2', '128Mi') });
    assert.equal((await story.status()).restarts, 1);
    assert.equal(story.done.at(-1), `memory.limit_in_bytes=${128 * MEBI}`);
  });

  it('waits while others hold the room, and says so', async (t) => {
    const story = await Story.start(t, both('500m', '64Mi'));
    const { cluster } = story.world;
    await cluster.create(POD, {
      metadata: { name: 'other', namespace: 'default' },
      spec: {
        nodeName: 'n1',
        automountServiceAccountToken: false,
        containers: [{ name: 'c', image: 'i' }],
        resources: { requests: { cpu: '3' } },
      },
    });
    await story.world.advance(5 * SECOND);
    story.done.length = 0;
    await story.resize({ resources: both('1500m', '64Mi') });
    assert.deepEqual(await story.status(), {
      resources: both('500m', '64Mi'),
      allocated: { cpu: '500m', memory: '64Mi' },
      conditions: ['PodResizePending Deferred'],
      restarts: 0,
    });
    assert.deepEqual(story.done, []);
    await cluster.run(
      cluster.client.delete(
        POD,
        { name: 'other', namespace: 'default' },
        { gracePeriodSeconds: 0 },
      ),
    );
    await story.world.advance(60 * SECOND);
    const { resources, conditions } = await story.status();
    assert.deepEqual([resources, conditions], [both('1500m', '64Mi'), []]);
  });

  it('is refused where the node can never hold it, or does not declare that it can', async (t) => {
    const story = await Story.start(t, both('500m', '64Mi'));
    await assert.rejects(story.resize({ resources: both('5', '64Mi') }), /requested: 5000/);
    const { cluster } = story.world;
    const [node] = await cluster.list(NODE);
    await cluster.run(
      cluster.client.patch(
        NODE,
        { name: node?.metadata?.name ?? '' },
        'merge',
        { status: { declaredFeatures: ['ExtendWebSocketsToKubelet'] } },
        { subresource: 'status' },
      ),
    );
    await assert.rejects(
      story.resize({ resources: both('1', '64Mi') }),
      /pod update requires features InPlacePodLevelResourcesVerticalScaling which are not available/,
    );
  });

  it('is lowered below no memory that is used', async (t) => {
    const story = await Story.start(t, both('1', '128Mi'));
    await story.use(100 * MEBI);
    await story.resize({ resources: both('1', '64Mi') });
    assert.deepEqual((await story.status()).conditions, ['PodResizeInProgress Error']);
    assert.equal((await story.status()).resources?.limits?.['memory'], '128Mi');
    await story.use(1);
    await story.world.advance(20 * SECOND);
    const { conditions, resources } = await story.status();
    assert.deepEqual([conditions, resources], [[], both('1', '64Mi')]);
  });
});

describe('restart of the kubelet', () => {
  for (const [what, files] of [
    ['with its files', []],
    ['without what was allocated', ['allocated_pods_state']],
    ['without what was actuated', ['actuated_pods_state']],
  ] as const) {
    it(`grants and does nothing ${what}`, async (t) => {
      const story = await Story.start(t, both('500m', '64Mi'));
      const { world } = story;
      await story.resize({ resources: both('1', '64Mi') });
      await world.stop();
      story.done.length = 0;
      for (const file of files) await world.fileSystem.remove(`/var/lib/kubelet/${file}`);
      await world.start();
      await world.advance(5 * SECOND);
      const { resources, conditions } = await story.status();
      assert.deepEqual([resources, conditions, story.done], [both('1', '64Mi'), [], []]);
      assert.deepEqual(story.reasons, ['ResizeStarted', 'ResizeCompleted']);
    });
  }

  it('puts right a cgroup of which nothing is known any more', async (t) => {
    const story = await Story.start(t, both('1', '64Mi'));
    const { world } = story;
    const quota = `/sys/fs/cgroup/cpu/${await story.group()}/cpu.cfs_quota_us`;
    await world.stop();
    await world.fileSystem.remove('/var/lib/kubelet/actuated_pods_state');
    await world.fileSystem.writeFile(quota, '50000');
    story.done.length = 0;
    await world.start();
    await world.advance(5 * SECOND);
    assert.deepEqual(story.done, ['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=100000']);
    assert.deepEqual(story.reasons, []);
  });
});
