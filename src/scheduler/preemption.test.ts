import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.ts';
import { aNode, aPod, type PodWords, snapshotOf, type World } from '#kit/scheduler-world.ts';
import { scheduleOne } from './cycle.ts';
import { makeRoom as roomOf, type Room, type RoomOptions } from './make-room.ts';
import { Nominator } from './nominator.ts';
import { PLUGINS } from './plugins/order.ts';
import { podInfo } from './pod-info.ts';
import { type Candidate, leastHarm, preempt } from './preemption.ts';

const NOW_MS = Date.parse('2026-01-01T01:00:00Z');
const HOST = 'kubernetes.io/hostname';

function low(name: string, words: PodWords & { at?: string } = {}): Pod {
  const { at = '2026-01-01T00:00:00Z', ...rest } = words;
  return aPod(name, { cpu: '2', priority: 1, status: { startTime: at }, ...rest });
}

function makeRoom(world: World, wanted: Pod, nominator = new Nominator()): string {
  const cluster = snapshotOf(world);
  const pod = podInfo(wanted);
  const common = { pod, cluster, nominations: nominator, random: () => 0 };
  const refusal = scheduleOne({ ...common, plugins: PLUGINS, start: 0 });
  assert.ok('diagnosis' in refusal, 'the pod fits');
  const { diagnosis, run } = refusal;
  const result = preempt({ ...common, run, diagnosis, nowMs: NOW_MS });
  if ('message' in result) return result.message;
  return `${result.node}: ${result.victims.map(({ uid }) => uid).join(' ')}`;
}

/** What a profile does for a pod that fits nowhere. */
function roomFor(words: Pick<RoomOptions, 'givesBack' | 'preempts'>): Room {
  const nobody = { nodeCount: 1, verdicts: new Map() };
  return roomOf({
    pod: podInfo(high),
    run: undefined,
    diagnosis: { ...nobody, before: { plugin: 'DynamicResources', kind: 'Pending', reasons: [] } },
    cluster: snapshotOf({ nodes: [aNode('a')] }),
    nominations: new Nominator(),
    nowMs: NOW_MS,
    random: () => 0,
    ...words,
  });
}

const high = aPod('p', { cpu: '4', priority: 10 });

describe('a profile', () => {
  it('that makes no room takes the nomination of a pod back that fits nowhere', () => {
    const keeps = (words: Pick<RoomOptions, 'givesBack' | 'preempts'>): unknown => {
      const { result } = roomFor(words);
      return 'keep' in result && result.keep;
    };
    assert.equal(keeps({ givesBack: false, preempts: false }), false);
    assert.equal(keeps({ givesBack: true, preempts: false }), true);
    assert.equal(keeps({ givesBack: true, preempts: true }), false);
  });
});

describe('preempt', () => {
  const budget = (app: string, disruptionsAllowed: number): PodDisruptionBudget => ({
    metadata: { name: app, namespace: 'default' },
    spec: { selector: { matchLabels: { app } } },
    status: { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
  });

  type Row = [claim: string, world: World, wanted: Pod, expected: string];
  const rows: Row[] = [
    [
      'takes no more pods than it must, and the least important ones',
      {
        nodes: [aNode('a')],
        placed: [
          [low('x', { priority: 3 }), 'a'],
          [low('y', { priority: 2 }), 'a'],
        ],
      },
      aPod('p', { cpu: '2', priority: 10 }),
      'a: y',
    ],
    [
      'of equal pods takes the one that started last',
      {
        nodes: [aNode('a')],
        placed: [
          [low('new', { at: '2026-01-01T00:30:00Z' }), 'a'],
          [low('old'), 'a'],
        ],
      },
      aPod('p', { cpu: '2', priority: 10 }),
      'a: new',
    ],
    [
      'takes the node on which no budget is broken',
      {
        nodes: [aNode('a'), aNode('b')],
        placed: [
          [low('x', { labels: { app: 'safe' } }), 'a'],
          [low('y', { priority: 5 }), 'b'],
        ],
        objects: { disruptionBudgets: () => [budget('safe', 0)] },
      },
      high,
      'b: y',
    ],
    [
      'breaks no budget that allows it',
      {
        nodes: [aNode('a'), aNode('b')],
        placed: [
          [low('x', { labels: { app: 'safe' } }), 'a'],
          [low('y', { priority: 5 }), 'b'],
        ],
        objects: { disruptionBudgets: () => [budget('safe', 1)] },
      },
      high,
      'a: x',
    ],
    [
      'spares what a budget protects on the same node',
      {
        nodes: [aNode('a')],
        placed: [
          [low('x', { labels: { app: 'safe' } }), 'a'],
          [low('y', { priority: 5 }), 'a'],
        ],
        objects: { disruptionBudgets: () => [budget('safe', 0)] },
      },
      aPod('p', { cpu: '2', priority: 10 }),
      'a: y',
    ],
    [
      'takes pods that keep it away',
      {
        nodes: [aNode('a')],
        placed: [
          [
            low('shy', {
              affinity: {
                podAntiAffinity: {
                  requiredDuringSchedulingIgnoredDuringExecution: [
                    { topologyKey: HOST, labelSelector: { matchLabels: { app: 'p' } } },
                  ],
                },
              },
            }),
            'a',
          ],
          [low('other', { cpu: '1' }), 'a'],
        ],
      },
      aPod('p', { priority: 10, labels: { app: 'p' } }),
      'a: shy',
    ],
    [
      'takes no pod that is as important',
      { nodes: [aNode('a')], placed: [[low('x', { priority: 10 }), 'a']] },
      high,
      'preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    ],
    [
      'says when no eviction would help',
      { nodes: [aNode('a', { cpu: '1' }), aNode('b', { unschedulable: true })] },
      high,
      'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    ],
    [
      'says what would be short even so',
      {
        nodes: [aNode('a')],
        placed: [
          [low('x'), 'a'],
          [low('y', { priority: 10 }), 'a'],
        ],
      },
      high,
      'preemption: 0/1 nodes are available: 1 Insufficient cpu.',
    ],
    [
      'takes no pods for a pod that is told not to',
      { nodes: [aNode('a')], placed: [[low('x'), 'a']] },
      aPod('p', { cpu: '4', priority: 10, preemptionPolicy: 'Never' }),
      'preemption: not eligible due to preemptionPolicy=Never.',
    ],
  ];
  for (const [claim, world, wanted, expected] of rows) {
    it(claim, () => assert.equal(makeRoom(world, wanted), expected));
  }

  const ending = (reason: string): Pod => {
    const conditions = [{ type: 'DisruptionTarget', status: 'True', reason }];
    const pod = low('x', { status: { conditions } as NonNullable<Pod['status']> });
    return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  };

  it('waits for the victims that it has', () => {
    const nominator = new Nominator();
    nominator.set(podInfo(high), 'a');
    const nodes = [aNode('a')];
    assert.equal(
      makeRoom({ nodes, placed: [[ending('PreemptionByScheduler'), 'a']] }, high, nominator),
      'preemption: not eligible due to a terminating pod on the nominated node.',
    );
    assert.equal(
      makeRoom({ nodes, placed: [[ending('EvictionByEvictionAPI'), 'a']] }, high, nominator),
      'a: x',
    );
  });

  it('leaves the room that a more important pod waits for', () => {
    const nominator = new Nominator();
    nominator.set(podInfo(aPod('first', { cpu: '4', priority: 20 })), 'a');
    const world: World = {
      nodes: [aNode('a'), aNode('b')],
      placed: [
        [low('x'), 'a'],
        [low('y', { priority: 9 }), 'b'],
      ],
    };
    assert.equal(makeRoom(world, high, nominator), 'b: y');
  });
});

describe('leastHarm', () => {
  const victims = (...words: [priority: number, at: string][]) =>
    words.map(([priority, at], i) =>
      podInfo(low(`${i}`, { priority, at: `2026-01-01T00:${at}:00Z` })),
    );
  type Row = [criterion: string, left: Omit<Candidate, 'node'>, right: Omit<Candidate, 'node'>];
  const rows: Row[] = [
    [
      'fewer broken budgets',
      { violations: 0, victims: victims([9, '00']) },
      { violations: 1, victims: victims([1, '00']) },
    ],
    [
      'less important victims',
      { violations: 0, victims: victims([2, '00'], [2, '00']) },
      { violations: 0, victims: victims([3, '00']) },
    ],
    [
      'less importance in all',
      { violations: 0, victims: victims([3, '00'], [1, '00']) },
      { violations: 0, victims: victims([3, '00'], [2, '00']) },
    ],
    [
      'fewer victims, however little they count',
      { violations: 0, victims: victims([3, '00']) },
      { violations: 0, victims: victims([3, '00'], [-5, '00']) },
    ],
    [
      'a later start of the most important ones',
      { violations: 0, victims: victims([3, '30'], [1, '00']) },
      { violations: 0, victims: victims([3, '20'], [1, '40']) },
    ],
  ];
  for (const [criterion, left, right] of rows) {
    it(`prefers ${criterion}`, () => {
      const [good, bad] = [
        { node: 'good', ...left },
        { node: 'bad', ...right },
      ];
      assert.equal(leastHarm([good, bad], NOW_MS)?.node, 'good');
      assert.equal(leastHarm([bad, good], NOW_MS)?.node, 'good');
    });
  }
});
