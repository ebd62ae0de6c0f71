/** Stories of gangs: pods that get nodes together, or none of them does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { POD } from '#api/core/pod.ts';
import { podCondition } from '#api/core/pod-helpers.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import { DEVICE_CLASS } from '#api/resource/device-class.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { RESOURCE_SLICE } from '#api/resource/resource-slice.ts';
import { PRIORITY_CLASS } from '#api/scheduling/priority-class.ts';
import { POD_GROUP } from '#api/scheduling/workload.ts';
import { explain } from '#why/explain.ts';
import { TestCluster } from '#kit/cluster.ts';
import { aRequest, aSlice } from '#kit/devices.ts';

const NAMESPACE = 'default';
const HELD =
  'pod group is unschedulable, waiting for minCount pods from a gang to be scheduled, one or more plugins asked to wait and no plugin rejected pod';
const ON = new Map([
  ['GenericWorkload', true],
  ['GangScheduling', true],
]);

function group(name: string, minCount?: number): PodGroup {
  const schedulingPolicy = minCount === undefined ? { basic: {} } : { gang: { minCount } };
  return { metadata: { name, namespace: NAMESPACE }, spec: { schedulingPolicy } };
}

interface Words extends Partial<PodSpec> {
  readonly cpu?: string;
}

function member(name: string, podGroupName: string, { cpu = '5', ...spec }: Words = {}): Pod {
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      containers: [{ name: 'main', image: 'web', resources: { requests: { cpu } } }],
      schedulingGroup: { podGroupName },
      ...spec,
    },
  };
}

function alone(name: string, cpu: string): Pod {
  const { schedulingGroup: _, ...spec } = member(name, '', { cpu }).spec ?? { containers: [] };
  return { metadata: { name, namespace: NAMESPACE }, spec };
}

class Gangs {
  readonly cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  /** A node has 8 CPUs: one pod of 5 fits. */
  static async start(nodes: number, hasGangs = true): Promise<Gangs> {
    const apiServer = {
      featureGates: new FeatureGates(ON),
      runtimeConfig: new Map([['scheduling.k8s.io/v1alpha2', 'true']]),
    };
    const schedulerGates = { genericWorkload: true, gangScheduling: hasGangs };
    return new Gangs(await TestCluster.start({ nodes, apiServer, schedulerGates }));
  }

  async run(...pods: readonly Pod[]): Promise<void> {
    for (const pod of pods) await this.cluster.create(POD, pod);
    await this.cluster.advance(3_000);
  }

  /** Names of the pods that have nodes. */
  async placed(): Promise<string[]> {
    const pods = await this.cluster.list(POD, NAMESPACE);
    return pods
      .filter(({ spec }) => spec?.nodeName !== undefined)
      .map(({ metadata }) => metadata?.name ?? '')
      .toSorted();
  }

  async saidOf(name: string): Promise<string> {
    const pod = await this.cluster.get(POD, name, NAMESPACE);
    return podCondition(pod, 'PodScheduled')?.message ?? '';
  }

  async stateOf(name: string): Promise<string> {
    const { status } = await this.cluster.get(POD_GROUP, name, NAMESPACE);
    return (status?.conditions ?? [])
      .map(({ type, status: is, reason, message }) => `${type}=${is} ${reason}: ${message}`)
      .join();
  }
}

describe('a gang', () => {
  it('is bound all together when all fit', async () => {
    const gangs = await Gangs.start(3);
    await gangs.cluster.create(POD_GROUP, group('g', 3));
    await gangs.run(member('a', 'g'), member('b', 'g'), member('c', 'g'));
    assert.deepEqual(await gangs.placed(), ['a', 'b', 'c']);
    assert.equal(await gangs.stateOf('g'), 'PodGroupScheduled=True Scheduled: ');
    await gangs.cluster.stop();
  });

  it('is not bound at all when one does not fit, and is when a node comes', async () => {
    const gangs = await Gangs.start(2);
    await gangs.cluster.create(POD_GROUP, group('g', 3));
    await gangs.run(member('a', 'g'), member('b', 'g'), member('c', 'g'));
    assert.deepEqual(await gangs.placed(), []);
    assert.equal(
      await gangs.stateOf('g'),
      'PodGroupScheduled=False Unschedulable: pod group is unschedulable',
    );
    const said = await Promise.all(['a', 'b', 'c'].map((name) => gangs.saidOf(name)));
    assert.deepEqual(said.toSorted(), [
      '0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.',
      HELD,
      HELD,
    ]);
    const { client, environment } = gangs.cluster;
    const held = said.findIndex((text) => text.startsWith('pod group'));
    const subject = { type: POD, name: 'abc'.charAt(held), namespace: NAMESPACE };
    const why = await gangs.cluster.run(explain(client, subject, environment));
    assert.match(
      why?.sentence ?? '',
      /^Pod [abc] would fit on node-1 and node-2, and waits for its gang: g needs places for 3 pods at once, and 3 wait\.$/,
    );
    // What it would have taken is free for others.
    await gangs.run(alone('other', '5'));
    assert.deepEqual(await gangs.placed(), ['other']);
    await gangs.cluster.delete(POD, alone('other', '5'), { gracePeriodSeconds: 0 });
    gangs.cluster.startNode('node-3');
    await gangs.cluster.advance(30_000);
    assert.deepEqual(await gangs.placed(), ['a', 'b', 'c']);
    assert.equal(await gangs.stateOf('g'), 'PodGroupScheduled=True Scheduled: ');
    await gangs.cluster.stop();
  });

  it('is tried without those of it that are being deleted', async () => {
    const gangs = await Gangs.start(2);
    const { cluster } = gangs;
    await cluster.create(POD_GROUP, group('g', 3));
    const { metadata, ...rest } = member('c', 'g');
    const held = { metadata: { ...metadata, finalizers: ['example.com/look'] }, ...rest };
    await gangs.run(member('a', 'g'), member('b', 'g'), held);
    await cluster.delete(POD, await cluster.get(POD, 'c', NAMESPACE));
    await cluster.advance(500);
    cluster.startNode('node-3');
    await cluster.advance(8_000);
    assert.deepEqual(await gangs.placed(), []);
    const told = (await cluster.list(EVENT, NAMESPACE)).filter(
      ({ message }) => message === 'skip schedule deleting pod: default/c',
    );
    assert.ok(told.length > 0);
    await cluster.patch(POD, held, { metadata: { finalizers: null } });
    await gangs.run(member('d', 'g'));
    assert.deepEqual(await gangs.placed(), ['a', 'b', 'd']);
    await cluster.stop();
  });

  it('that fits nowhere is tried again though nothing happens', async () => {
    const gangs = await Gangs.start(1);
    await gangs.cluster.create(POD_GROUP, group('g', 1));
    await gangs.run(member('large', 'g', { cpu: '50' }));
    await gangs.cluster.advance(60_000);
    const events = await gangs.cluster.list(EVENT, NAMESPACE);
    const counts = events
      .filter(({ reason }) => reason === 'FailedScheduling')
      .map(({ series }) => series?.count ?? 1);
    // Of a series the recorder tells the second event, and of the others later.
    assert.ok(counts.reduce((sum, count) => sum + count, 0) > 2, counts.join());
    await gangs.cluster.stop();
  });

  it('is not tried before it is there: the group, and as many pods as it needs', async () => {
    const gangs = await Gangs.start(3);
    await gangs.run(member('a', 'g'));
    assert.deepEqual(await gangs.placed(), []);
    await gangs.cluster.create(POD_GROUP, group('g', 2));
    await gangs.cluster.advance(3_000);
    assert.deepEqual(await gangs.placed(), []);
    await gangs.run(member('b', 'g'));
    assert.deepEqual(await gangs.placed(), ['a', 'b']);
    // One more than it needs comes by itself, and one that does not fit takes nothing back.
    await gangs.run(member('c', 'g'));
    assert.deepEqual(await gangs.placed(), ['a', 'b', 'c']);
    await gangs.run(member('d', 'g'));
    assert.deepEqual(await gangs.placed(), ['a', 'b', 'c']);
    assert.equal(await gangs.stateOf('g'), 'PodGroupScheduled=True Scheduled: ');
    // Who is gone does not count.
    await gangs.cluster.create(POD_GROUP, group('h', 2));
    await gangs.run(member('e', 'h', { cpu: '1' }));
    await gangs.cluster.delete(POD, member('e', 'h'), { gracePeriodSeconds: 0 });
    await gangs.run(member('f', 'h', { cpu: '1' }));
    assert.deepEqual([(await gangs.placed()).includes('f'), await gangs.saidOf('f')], [false, '']);
    await gangs.cluster.stop();
  });

  it('takes the most important of its pods first, and leaves those that do not fit', async () => {
    const gangs = await Gangs.start(2);
    await gangs.cluster.create(POD_GROUP, group('g', 2));
    await gangs.cluster.create(PRIORITY_CLASS, {
      metadata: { name: 'never' },
      value: 10,
      preemptionPolicy: 'Never',
    });
    await gangs.cluster.create(POD, member('a', 'g', { schedulingGates: [{ name: 'x' }] }));
    await gangs.cluster.create(POD, member('b', 'g', { schedulingGates: [{ name: 'x' }] }));
    await gangs.run(member('c', 'g', { priorityClassName: 'never' }));
    assert.deepEqual(await gangs.placed(), []);
    for (const name of ['a', 'b'])
      await gangs.cluster.patch(POD, member(name, 'g'), { spec: { schedulingGates: [] } });
    await gangs.cluster.advance(30_000);
    const placed = await gangs.placed();
    assert.equal(placed.length, 2);
    assert.ok(placed.includes('c'));
    await gangs.cluster.stop();
  });

  it('shares a claim that gets its device with the gang', async () => {
    const gangs = await Gangs.start(2);
    await gangs.cluster.create(DEVICE_CLASS, { metadata: { name: 'gpu' }, spec: {} });
    const { spec } = aSlice('s', { nodeName: 'node-2', devices: ['gpu-0'] });
    await gangs.cluster.create(RESOURCE_SLICE, { metadata: { name: 's' }, ...(spec && { spec }) });
    const metadata = { name: 'one', namespace: NAMESPACE };
    await gangs.cluster.create(RESOURCE_CLAIM, {
      metadata,
      spec: { devices: { requests: [aRequest('r')] } },
    });
    await gangs.cluster.create(POD_GROUP, group('g', 3));
    const resourceClaims = [{ name: 'c', resourceClaimName: 'one' }];
    const names = ['a', 'b', 'c'];
    await gangs.run(...names.map((name) => member(name, 'g', { cpu: '2', resourceClaims })));
    assert.deepEqual(await gangs.placed(), names);
    const { status } = await gangs.cluster.get(RESOURCE_CLAIM, 'one', NAMESPACE);
    assert.deepEqual((status?.reservedFor ?? []).map(({ name }) => name).toSorted(), names);
    const pods = await gangs.cluster.list(POD, NAMESPACE);
    assert.deepEqual([...new Set(pods.map((pod) => pod.spec?.nodeName))], ['node-2']);
    await gangs.cluster.stop();
  });

  it('makes room only when it will be whole with that', async () => {
    const gangs = await Gangs.start(2);
    await gangs.cluster.create(PRIORITY_CLASS, { metadata: { name: 'high' }, value: 10 });
    await gangs.run(alone('low-1', '5'), alone('low-2', '5'));
    assert.deepEqual(await gangs.placed(), ['low-1', 'low-2']);
    const high = { priorityClassName: 'high' };
    await gangs.cluster.create(POD_GROUP, group('large', 3));
    await gangs.run(...['a', 'b', 'c'].map((name) => member(name, 'large', high)));
    await gangs.cluster.advance(30_000);
    assert.deepEqual(await gangs.placed(), ['low-1', 'low-2']);
    await gangs.cluster.create(POD_GROUP, group('small', 2));
    await gangs.run(member('x', 'small', high), member('y', 'small', high));
    await gangs.cluster.advance(60_000);
    assert.deepEqual(await gangs.placed(), ['x', 'y']);
    await gangs.cluster.stop();
  });
});

describe('a group that is no gang', () => {
  it('gets nodes for whom there are some', async () => {
    const gangs = await Gangs.start(2);
    await gangs.cluster.create(POD_GROUP, group('g'));
    await gangs.run(member('a', 'g'), member('b', 'g'), member('c', 'g'));
    assert.equal((await gangs.placed()).length, 2);
    await gangs.cluster.stop();
  });

  it('is what a gang is where gangs are off', async () => {
    const gangs = await Gangs.start(2, false);
    await gangs.cluster.create(POD_GROUP, group('g', 3));
    await gangs.run(member('a', 'g'), member('b', 'g'), member('c', 'g'));
    assert.equal((await gangs.placed()).length, 2);
    await gangs.cluster.stop();
  });
});
