/** By whom pods are made to go. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event, Pod } from '#api/gen/core-v1.ts';
import { evictions } from './evictions.ts';
import type { PodLife } from './observer.ts';

const PHASE = { fromMs: 1_000, untilMs: 60_000 };

function life(uid: string, reason?: string, deletedMs: number | undefined = 3_000): PodLife {
  const conditions = [
    { type: 'DisruptionTarget', status: 'True', reason: reason ?? '', message: 'so it is' },
  ] as const;
  const pod: Pod = {
    spec: { containers: [], nodeName: 'n1', priority: 7 },
    status: reason === undefined ? {} : { conditions: [...conditions] },
  };
  const name = { uid, namespace: 'shop', name: uid, owner: undefined };
  return { ...name, pod, isFound: true, seenMs: 0, isReady: true, deletedMs };
}

const PREEMPTED: Event = {
  metadata: { name: 'e' },
  involvedObject: { uid: 'victim' },
  reason: 'Preempted',
  message: 'Preempted by pod boss on node n1',
  reportingComponent: '',
  reportingInstance: '',
};

function by(victim: PodLife, ...others: PodLife[]): string[] {
  const lives = new Map([victim, ...others].map((each) => [each.uid, each]));
  return evictions({ lives, events: [PREEMPTED], waitedMs: () => undefined }, PHASE).map(
    (eviction) => eviction.by,
  );
}

describe('evictions', () => {
  const table: readonly [reason: string | undefined, by: string[]][] = [
    ['EvictionByEvictionAPI', ['an eviction']],
    ['DeletionByTaintManager', ['a taint of its node']],
    ['DeletionByPodGC', ['the loss of its node']],
    ['SomethingNew', ['so it is']],
    [undefined, []],
  ];
  for (const [reason, expected] of table)
    it(`are told by their reason ${reason ?? 'when there is one'}`, () => {
      assert.deepEqual(by(life('pod', reason)), expected);
    });

  it('name the pod that took the place', () => {
    const boss = { ...life('boss'), deletedMs: 99_000 };
    assert.deepEqual(by(life('victim', 'PreemptionByScheduler'), boss), [
      'Pod shop/boss, of priority 7',
    ]);
    assert.deepEqual(by(life('other', 'PreemptionByScheduler'), boss), ['so it is']);
  });

  it('are those of the phase', () => {
    assert.deepEqual(by(life('pod', 'EvictionByEvictionAPI', 500)), []);
  });

  it('say how long they were held up', () => {
    const victim = life('pod', 'EvictionByEvictionAPI');
    const lives = new Map([[victim.uid, victim]]);
    const waitedMs = (uid: string) => (uid === 'pod' ? 12_400 : undefined);
    const [eviction] = evictions({ lives, events: [], waitedMs }, PHASE);
    assert.deepEqual([eviction?.waitedSeconds, eviction?.atSeconds], [12, 2]);
  });
});
