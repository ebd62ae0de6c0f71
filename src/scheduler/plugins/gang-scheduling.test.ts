import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodGroup } from '#api/gen/scheduling-v1alpha2.ts';
import { aNode, aPod, snapshotOf } from '#kit/scheduler-world.ts';
import type { ClusterEvent } from '../cluster-events.ts';
import { podInfo } from '../pod-info.ts';
import type { Snapshot } from '../snapshot.ts';
import { gangScheduling } from './gang-scheduling.ts';

const member = (name: string, group = 'g', namespace = 'default'): Pod =>
  aPod(name, { namespace, schedulingGroup: { podGroupName: group } });

const gang = (minCount: number, name = 'g'): PodGroup => ({
  metadata: { name, namespace: 'default' },
  spec: { schedulingPolicy: { gang: { minCount } } },
});

interface Words {
  readonly group?: PodGroup;
  readonly waiting?: readonly Pod[];
  readonly placed?: readonly Pod[];
}

function clusterOf({ group, waiting = [], placed = [] }: Words): Snapshot {
  const snapshot = snapshotOf({
    nodes: [aNode('n')],
    objects: { podGroup: (key) => (key === 'default/g' ? group : undefined) },
  });
  for (const pod of [...waiting, ...placed]) snapshot.podGroups.seen(pod);
  for (const pod of placed) snapshot.assume(podInfo(pod), 'n');
  return snapshot;
}

const basic: PodGroup = {
  metadata: gang(1).metadata ?? {},
  spec: { schedulingPolicy: { basic: {} } },
};

describe('a pod of a gang', () => {
  const MISSING = `waiting for pods's pod group "g" to appear in scheduling queue`;
  const TOO_FEW = 'waiting for minCount pods from a gang to appear in scheduling queue';
  const PLACES = 'waiting for minCount pods from a gang to be scheduled';
  const [a, b, c] = [member('a'), member('b'), member('c')];
  type Row = [claim: string, words: Words, queued: string | undefined, bound: string | undefined];
  const rows: Row[] = [
    ['waits for others, then for their places', { group: gang(2), waiting: [a] }, TOO_FEW, PLACES],
    ['may be tried when enough are there', { group: gang(2), waiting: [a, b] }, undefined, PLACES],
    [
      'may be bound when enough have places',
      { group: gang(2), waiting: [c], placed: [a, b] },
      undefined,
      undefined,
    ],
    [
      'does not count pods of another group, or another namespace',
      { group: gang(2), waiting: [a, member('x', 'h'), member('b', 'g', 'other')] },
      TOO_FEW,
      PLACES,
    ],
    [
      'waits for nobody in a group that is no gang',
      { group: basic, waiting: [a] },
      undefined,
      undefined,
    ],
  ];
  for (const [claim, words, queued, bound] of rows)
    it(claim, () => {
      const cluster = clusterOf(words);
      const pod = podInfo(a);
      assert.equal(gangScheduling.preEnqueue?.(pod, cluster)?.reasons.join(), queued);
      assert.equal(gangScheduling.permit?.(pod, cluster)?.reasons.join(), bound);
    });

  it('waits for its group, and is not bound without it', () => {
    const cluster = clusterOf({ waiting: [a] });
    assert.deepEqual(gangScheduling.preEnqueue?.(podInfo(a), cluster)?.reasons, [MISSING]);
    assert.throws(() => gangScheduling.permit?.(podInfo(a), cluster), {
      message:
        'running Permit plugin "GangScheduling": failed to get podGroup default/g: podgroup.scheduling.k8s.io "g" not found',
    });
  });

  it('is one fewer when one has gone, has lost its place, or has ended', () => {
    const cluster = clusterOf({ group: gang(2), placed: [a, b] });
    const { podGroups } = cluster;
    assert.deepEqual([podGroups.countOf('default/g'), podGroups.placedOf('default/g')], [2, 2]);
    cluster.forget({ key: 'default/a', uid: 'a' });
    assert.deepEqual(podGroups.waitingOf('default/g'), ['default/a']);
    cluster.removePod('default/b');
    podGroups.gone(b);
    assert.deepEqual([podGroups.countOf('default/g'), podGroups.placedOf('default/g')], [1, 0]);
  });

  it('is helped by pods of its group, and by the group', () => {
    const cluster = clusterOf({});
    const helps = (event: ClusterEvent): boolean | undefined =>
      gangScheduling.hints
        ?.find(({ resource }) => resource === event.resource)
        ?.helps?.(podInfo(a), event, cluster);
    const added = (resource: 'Pod' | 'WaitingPod' | 'PodGroup', after: object): ClusterEvent => ({
      resource,
      action: 'Add',
      after,
    });
    assert.equal(helps(added('WaitingPod', b)), true);
    assert.equal(helps(added('Pod', b)), true);
    assert.equal(helps(added('WaitingPod', member('x', 'h'))), false);
    assert.equal(helps(added('WaitingPod', aPod('y'))), false);
    assert.equal(helps(added('PodGroup', gang(1))), true);
    assert.equal(helps(added('PodGroup', gang(1, 'h'))), false);
  });
});
