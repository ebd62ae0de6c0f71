/** Which pods of a group are tried, in which order, and what is said of the group. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import type { Client } from '#client/client.ts';
import { aPod, snapshotOf } from '#kit/scheduler-world.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { GroupStatus } from './group-cycle.ts';
import { reportGroup } from './group-reports.ts';
import { GroupScheduling } from './group-scheduling.ts';
import { PLUGINS } from './plugins/order.ts';
import { SchedulingQueue } from './queue.ts';

const unasked = (): never => assert.fail('nobody is to be tried');

function world() {
  const environment = new VirtualEnvironment();
  const cluster = snapshotOf({ nodes: [] });
  const queue = new SchedulingQueue({ environment, cluster, plugins: PLUGINS, wake() {} });
  const said: string[] = [];
  const client = { patch: () => assert.fail('nothing is written of the group') };
  const scheduling = new GroupScheduling({
    environment,
    client: client as unknown as Client,
    queue,
    groups: Object.assign(cluster.podGroups, { group: () => ({ metadata: { name: 'g' } }) }),
    decide: unasked,
    makeRoom: unasked,
    take: unasked,
    giveBack: unasked,
    permit: unasked,
    onDecided() {},
    bind: unasked,
    refuse: unasked,
    wait: unasked,
    fail: async ({ key }, error) => void said.push(`${key}: ${String(error)}`),
  });
  const add = (name: string, words: Parameters<typeof aPod>[1] = {}): void => {
    const pod: Pod = aPod(name, { schedulingGroup: { podGroupName: 'g' }, ...words });
    cluster.podGroups.seen(pod);
    queue.set(pod);
  };
  const members = () => {
    const first = queue.pop();
    assert.ok(first);
    return scheduling.membersWith(first);
  };
  return { environment, add, members, scheduling, said };
}

describe('a group', () => {
  it('is tried from the most important pod to the last, and from the first to the latest', async () => {
    const t = world();
    t.add('late', { schedulingGates: [{ name: 'x' }] });
    t.add('early');
    await t.environment.advance(1_000);
    t.add('late');
    t.add('high', { priority: 5 });
    assert.deepEqual(
      t.members().map(({ key }) => key),
      ['default/high', 'default/early', 'default/late'],
    );
  });

  it('of pods of two schedulers is not tried: its pods say so, and the group nothing', async () => {
    const t = world();
    t.add('a', { schedulerName: 'one' });
    t.add('b', { schedulerName: 'two' });
    await t.scheduling.attempt(t.members());
    const why =
      'Error: all pods in a single pod group should have the same .spec.schedulerName set, got: "one" and "two"';
    assert.deepEqual(t.said, [`default/a: ${why}`, `default/b: ${why}`]);
    assert.deepEqual(t.environment.lines(), []);
  });
});

describe('the condition of a group', () => {
  const written = async (status: GroupStatus, known: object): Promise<unknown[]> => {
    const patches: unknown[] = [];
    const client = { patch: async (...words: unknown[]) => void patches.push(words[3]) };
    const environment = new VirtualEnvironment();
    const group = { metadata: { name: 'g', generation: 2 }, status: { conditions: [known] } };
    const writer = { client: client as unknown as Client, environment };
    await reportGroup(writer, group as PodGroup, status);
    return patches;
  };
  const lastTransitionTime = '2025-01-01T00:00:00Z';
  const refused = {
    type: 'PodGroupScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message: 'pod group is unschedulable',
    lastTransitionTime,
  };

  it('says of which generation of the group it is, and is written when that is news', async () => {
    const expected = [{ status: { conditions: [{ ...refused, observedGeneration: 2 }] } }];
    const old = { ...refused, observedGeneration: 1 };
    assert.deepEqual(await written('unschedulable', old), expected);
    assert.deepEqual(await written('unschedulable', { ...refused, observedGeneration: 2 }), []);
  });
});
