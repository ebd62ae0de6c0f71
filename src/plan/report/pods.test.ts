/** Which pods came, went, and took the place of which: tables of lives. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodLife } from './observer.ts';
import { podChanges, unreadyPods } from './pods.ts';

const PHASE = { fromMs: 1_000, untilMs: 60_000 };

interface Facts {
  readonly owner?: string;
  readonly kind?: string;
  readonly node?: string;
  /** Undefined: it was there before all. */
  readonly seenMs?: number;
  readonly deletedMs?: number;
  readonly turnedMs?: number;
  readonly isReady?: boolean;
  readonly phase?: 'Running' | 'Succeeded';
}

function life(name: string, facts: Facts = {}): PodLife {
  const { owner = 'web', kind = 'Deployment', node, seenMs, isReady = true } = facts;
  const { deletedMs, turnedMs, phase = 'Running' } = facts;
  return {
    uid: `${name} ${seenMs ?? 'found'}`,
    namespace: 'shop',
    name,
    owner: { apiVersion: 'apps/v1', kind, namespace: 'shop', name: owner },
    isFound: seenMs === undefined,
    seenMs: seenMs ?? 0,
    isReady,
    ...(deletedMs === undefined ? {} : { deletedMs }),
    ...(turnedMs === undefined ? {} : { turnedMs }),
    pod: {
      spec: { containers: [], ...(node === undefined ? {} : { nodeName: node }) },
      status: { phase },
    },
  };
}

/** `a@n1 moved b@n2 +1s` */
function told(lives: readonly PodLife[]): string[] {
  return podChanges(lives, PHASE).map(({ before, action, name, node = '-', atSeconds }) => {
    const old = before === undefined ? '' : `${before.name}@${before.node ?? '-'} `;
    return `${old}${action} ${name}@${node} +${atSeconds}s`;
  });
}

const TABLE: readonly [claim: string, lives: PodLife[], told: string[]][] = [
  ['nothing of pods that stay', [life('a', { node: 'n1' })], []],
  ['a new pod', [life('a', { node: 'n1', seenMs: 3_000 })], ['created a@n1 +2s']],
  ['a pod that goes', [life('a', { node: 'n1', deletedMs: 2_000 })], ['deleted a@n1 +1s']],
  [
    'a move to another node',
    [life('a', { node: 'n1', deletedMs: 1_000 }), life('b', { node: 'n2', seenMs: 2_000 })],
    ['a@n1 moved b@n2 +1s'],
  ],
  [
    'a successor on the same node',
    [life('a', { node: 'n1', deletedMs: 1_000 }), life('b', { node: 'n1', seenMs: 2_000 })],
    ['a@n1 replaced b@n1 +1s'],
  ],
  [
    'a successor that waits',
    [life('a', { node: 'n1', deletedMs: 1_000 }), life('b', { seenMs: 2_000 })],
    ['a@n1 replaced b@- +1s'],
  ],
  [
    'no successor of another workload',
    [life('a', { deletedMs: 2_000 }), life('b', { owner: 'db', seenMs: 2_500 })],
    ['deleted a@- +1s', 'created b@- +1.5s'],
  ],
  [
    'a successor of the same name before others',
    [
      life('db-0', { kind: 'StatefulSet', node: 'n1', deletedMs: 5_000 }),
      life('db-1', { kind: 'StatefulSet', node: 'n2', deletedMs: 2_000 }),
      life('db-1', { kind: 'StatefulSet', node: 'n3', seenMs: 3_000 }),
      life('db-0', { kind: 'StatefulSet', node: 'n1', seenMs: 6_000 }),
    ],
    ['db-1@n2 moved db-1@n3 +2s', 'db-0@n1 replaced db-0@n1 +5s'],
  ],
  [
    'successors of a DaemonSet on their nodes',
    [
      life('a', { kind: 'DaemonSet', node: 'n1', deletedMs: 2_000 }),
      life('b', { kind: 'DaemonSet', node: 'n2', deletedMs: 3_000 }),
      life('c', { kind: 'DaemonSet', node: 'n2', seenMs: 4_000 }),
      life('d', { kind: 'DaemonSet', node: 'n1', seenMs: 5_000 }),
    ],
    ['b@n2 replaced c@n2 +3s', 'a@n1 replaced d@n1 +4s'],
  ],
  [
    'pods that came and went, which take no place',
    [
      life('a', { node: 'n1', deletedMs: 2_000 }),
      life('b', { node: 'n1', seenMs: 2_000, deletedMs: 3_000 }),
      life('c', { node: 'n1', seenMs: 4_000 }),
    ],
    ['passing b@n1 +1s', 'a@n1 replaced c@n1 +3s'],
  ],
  [
    'a pod that waited and is ready now',
    [life('a', { node: 'n1', turnedMs: 4_000 })],
    ['started a@n1 +3s'],
  ],
  ['nothing of other times', [life('a', { seenMs: 500 }), life('b', { deletedMs: 999 })], []],
];

describe('changes of pods', () => {
  for (const [claim, lives, expected] of TABLE)
    it(`tell of ${claim}`, () => assert.deepEqual(told(lives), expected));
});

describe('pods that are not ready at rest', () => {
  const cases: readonly [claim: string, life: PodLife, isNamed: boolean][] = [
    ['new', life('a', { seenMs: 2_000, isReady: false }), true],
    ['ready', life('a', { seenMs: 2_000 }), false],
    ['ready before', life('a', { isReady: false, turnedMs: 2_000 }), true],
    ['as unready as before', life('a', { isReady: false }), false],
    ['deleted', life('a', { seenMs: 2_000, deletedMs: 3_000, isReady: false }), false],
    ['done', life('a', { seenMs: 2_000, phase: 'Succeeded', isReady: false }), false],
  ];
  for (const [claim, pod, isNamed] of cases)
    it(`are ${isNamed ? '' : 'not '}those that are ${claim}`, () => {
      assert.equal(unreadyPods([pod], PHASE).length, isNamed ? 1 : 0);
    });
});
