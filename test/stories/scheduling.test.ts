/** Stories of the scheduler in a whole cluster: pods that make room, wait, and spread. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { podCondition } from '#api/core/pod-helpers.ts';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { PRIORITY_CLASS } from '#api/scheduling/priority-class.ts';
import { TestCluster, type TestClusterOptions } from '#kit/cluster.ts';

function pod(name: string, spec: Partial<PodSpec> & { cpu?: string } = {}): Pod {
  const { cpu = '0', ...rest } = spec;
  const resources = { requests: { cpu } };
  return {
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { containers: [{ name: 'main', image: 'web', resources }], ...rest },
  };
}

/** A cluster with classes `low` and `high`, and how many CPUs its node has. */
async function withClasses(
  delays: TestClusterOptions['delays'] = {},
): Promise<{ cluster: TestCluster; cpus: number }> {
  const cluster = await TestCluster.start({ delays });
  for (const [name, value] of [
    ['low', 10],
    ['high', 100],
  ] as const)
    await cluster.create(PRIORITY_CLASS, { metadata: { name }, value });
  const [node] = await cluster.list(NODE);
  return { cluster, cpus: Number(node?.status?.allocatable?.['cpu']) };
}

const read = (cluster: TestCluster, name: string): Promise<Pod> =>
  cluster.get(POD, name, 'default');

async function eventsOf(cluster: TestCluster, name: string, reason: string): Promise<string[]> {
  const events = await cluster.list(EVENT, 'default');
  return events
    .filter((event) => event.involvedObject.name === name && event.reason === reason)
    .map(({ message }) => message ?? '');
}

describe('an important pod', () => {
  it('takes the place of a less important one, which is told why', async () => {
    const { cluster, cpus } = await withClasses();
    const victim = { ...pod('victim', { cpu: `${cpus}`, priorityClassName: 'low' }) };
    victim.metadata = { ...victim.metadata, finalizers: ['example.com/look'] };
    await cluster.create(POD, victim);
    await cluster.settle();
    await cluster.create(POD, pod('boss', { cpu: `${cpus}`, priorityClassName: 'high' }));
    await cluster.settle();

    const ending = await read(cluster, 'victim');
    const { status, reason, message } = podCondition(ending, 'DisruptionTarget') ?? {};
    assert.deepEqual(
      { status, reason, message },
      {
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: 'default-scheduler: preempting to accommodate a higher priority pod',
      },
    );
    assert.notEqual(ending.metadata?.deletionTimestamp, undefined);
    const boss = await read(cluster, 'boss');
    assert.deepEqual(await eventsOf(cluster, 'victim', 'Preempted'), [
      `Preempted by pod ${boss.metadata?.uid} on node node-1`,
    ]);
    const events = await cluster.list(EVENT, 'default');
    const told = events
      .filter(({ reportingComponent }) => reportingComponent === 'default-scheduler')
      .map(({ reason, action, related }) => `${reason} ${action} ${related?.name}`);
    assert.deepEqual([...new Set(told)].toSorted(), [
      'FailedScheduling Scheduling undefined',
      'Preempted Preempting boss',
      'Scheduled Binding undefined',
    ]);

    await cluster.patch(POD, ending, { metadata: { finalizers: null } });
    await cluster.settle();
    assert.equal((await read(cluster, 'boss')).spec?.nodeName, 'node-1');
    await cluster.stop();
  });

  it('has the node kept for it while its victims end', async () => {
    const { cluster, cpus } = await withClasses({ stopMs: 120_000 });
    const terminationGracePeriodSeconds = 600;
    const words = { cpu: `${cpus}`, priorityClassName: 'low', terminationGracePeriodSeconds };
    await cluster.create(POD, pod('slow', words));
    await cluster.settle();
    await cluster.create(POD, pod('boss', { cpu: `${cpus - 1}`, priorityClassName: 'high' }));
    await cluster.advance(5_000);
    const boss = await read(cluster, 'boss');
    assert.equal(boss.spec?.nodeName, undefined);
    assert.equal(boss.status?.nominatedNodeName, 'node-1');

    // Small enough for what is free now, too large for what will be left.
    await cluster.create(POD, pod('sly', { cpu: '2', priorityClassName: 'low' }));
    await cluster.advance(150_000);
    assert.equal((await read(cluster, 'boss')).spec?.nodeName, 'node-1');
    assert.equal((await read(cluster, 'sly')).spec?.nodeName, undefined);
    await cluster.stop();
  });

  it('takes no place when its class says so, and says why it waits', async () => {
    const { cluster, cpus } = await withClasses();
    await cluster.create(PRIORITY_CLASS, {
      metadata: { name: 'polite' },
      value: 100,
      preemptionPolicy: 'Never',
    });
    await cluster.create(POD, pod('first', { cpu: `${cpus}`, priorityClassName: 'low' }));
    await cluster.settle();
    await cluster.create(POD, pod('second', { cpu: `${cpus}`, priorityClassName: 'polite' }));
    await cluster.settle();
    const message =
      '0/1 nodes are available: 1 Insufficient cpu. ' +
      'no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.';
    const condition = podCondition(await read(cluster, 'second'), 'PodScheduled');
    assert.equal(condition?.message, message);
    assert.deepEqual(await eventsOf(cluster, 'second', 'FailedScheduling'), [message]);

    await cluster.delete(POD, await read(cluster, 'first'), { gracePeriodSeconds: 0 });
    await cluster.settle();
    assert.equal((await read(cluster, 'second')).spec?.nodeName, 'node-1');
    await cluster.stop();
  });
});

describe('a pod that is being deleted', () => {
  const held = (name: string, spec: Parameters<typeof pod>[1] = {}): Pod => {
    const { metadata, ...rest } = pod(name, spec);
    return { metadata: { ...metadata, finalizers: ['example.com/look'] }, ...rest };
  };
  const skipped = 'skip schedule deleting pod: default/held';

  // The collector of pods ends such pods within twenty seconds.
  it('is not placed, which is said each time that it comes up', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(POD, held('held', { nodeSelector: { disk: 'ssd' } }));
    await cluster.advance(1_000);
    await cluster.delete(POD, await read(cluster, 'held'));
    await cluster.advance(1_000);
    const failures = () => eventsOf(cluster, 'held', 'FailedScheduling');
    assert.equal((await failures()).length, 1);

    const [node] = await cluster.list(NODE);
    assert.ok(node);
    await cluster.patch(NODE, node, { metadata: { labels: { disk: 'ssd' } } });
    await cluster.advance(2_000);
    assert.deepEqual((await failures()).slice(1), [skipped]);
    const pod = await read(cluster, 'held');
    assert.deepEqual([pod.spec?.nodeName, pod.status?.phase], [undefined, 'Pending']);
    const events = await cluster.list(EVENT, 'default');
    const { type, action } = events.find(({ message }) => message === skipped) ?? {};
    assert.deepEqual([type, action], ['Warning', 'Scheduling']);

    await cluster.patch(POD, pod, { metadata: { labels: { a: 'b' } } });
    await cluster.advance(2_000);
    assert.deepEqual((await failures()).slice(1), [skipped, skipped]);
    await cluster.stop();
  });

  it('has the node kept for it until it is gone, and no longer', async () => {
    const { cluster, cpus } = await withClasses({ stopMs: 3_000 });
    const whole = { cpu: `${cpus}` };
    await cluster.create(POD, pod('victim', { ...whole, priorityClassName: 'low' }));
    await cluster.settle();
    await cluster.create(POD, held('held', { ...whole, priorityClassName: 'high' }));
    await cluster.advance(1_000);
    assert.equal((await read(cluster, 'held')).status?.nominatedNodeName, 'node-1');
    await cluster.delete(POD, await read(cluster, 'held'));
    await cluster.advance(5_000);
    assert.deepEqual((await eventsOf(cluster, 'held', 'FailedScheduling')).slice(1), [skipped]);

    await cluster.create(POD, pod('other', { ...whole, priorityClassName: 'low' }));
    await cluster.advance(3_000);
    assert.equal((await read(cluster, 'held')).status?.phase, 'Pending');
    assert.equal((await read(cluster, 'other')).spec?.nodeName, undefined);
    await cluster.patch(POD, await read(cluster, 'held'), { metadata: { finalizers: null } });
    await cluster.advance(1_000);
    assert.equal((await read(cluster, 'other')).spec?.nodeName, 'node-1');
    await cluster.stop();
  });
});

describe('a pod', () => {
  it('that fits nowhere is told so once', async () => {
    const cluster = await TestCluster.start({ nodes: 0 });
    await cluster.create(POD, {
      metadata: { name: 'alone', namespace: 'default' },
      spec: { containers: [{ name: 'main', image: 'web' }] },
    });
    await cluster.settle();
    const { writes } = cluster;
    await cluster.advance(60_000);
    assert.equal(cluster.writes, writes);
    await cluster.stop();
  });
  it('with gates is placed when they are gone', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(POD, pod('held', { schedulingGates: [{ name: 'example.com/wait' }] }));
    await cluster.settle();
    const held = await read(cluster, 'held');
    assert.equal(podCondition(held, 'PodScheduled')?.reason, 'SchedulingGated');
    await cluster.patch(POD, held, { spec: { schedulingGates: null } });
    await cluster.settle();
    assert.equal((await read(cluster, 'held')).spec?.nodeName, 'node-1');
    await cluster.stop();
  });

  it('that no node fits is placed when a node gets the label it wants', async () => {
    const cluster = await TestCluster.start({ nodes: 2 });
    await cluster.create(POD, pod('picky', { nodeSelector: { disk: 'ssd' } }));
    await cluster.settle();
    const condition = podCondition(await read(cluster, 'picky'), 'PodScheduled');
    assert.equal(
      condition?.message,
      "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. " +
        'no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    );
    const node = await cluster.get(NODE, 'node-2');
    await cluster.patch(NODE, node, { metadata: { labels: { disk: 'ssd' } } });
    await cluster.settle();
    assert.equal((await read(cluster, 'picky')).spec?.nodeName, 'node-2');
    await cluster.stop();
  });

  it('that keeps away from its like waits for another node', async () => {
    const cluster = await TestCluster.start({ nodes: 2 });
    const shy = (name: string): Pod => ({
      ...pod(name, {
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              {
                topologyKey: 'kubernetes.io/hostname',
                labelSelector: { matchLabels: { kind: 'shy' } },
              },
            ],
          },
        },
      }),
      metadata: { name, namespace: 'default', labels: { kind: 'shy' } },
    });
    for (const name of ['one', 'two', 'three']) await cluster.create(POD, shy(name));
    await cluster.settle();
    const places = async (): Promise<string[]> =>
      (await cluster.list(POD, 'default')).map(({ spec }) => spec?.nodeName ?? '').toSorted();
    assert.deepEqual(await places(), ['', 'node-1', 'node-2']);
    cluster.startNode('node-3');
    await cluster.settle();
    assert.deepEqual(await places(), ['node-1', 'node-2', 'node-3']);
    await cluster.stop();
  });
});
