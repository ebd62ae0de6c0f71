import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { oomScoreAdjust } from './oom-score.ts';

const CAPACITY = 10 * 2 ** 30;

/** Asks for memory (a quantity; empty: none), and in some tests for as much at most. */
const container = (name: string, memory: string, more: Partial<Container> = {}): Container => ({
  name,
  resources: memory === '' ? {} : { requests: { memory } },
  ...more,
});
const SIDECAR = { restartPolicy: 'Always' } as const;

interface Case {
  readonly what: string;
  readonly whole?: NonNullable<Pod['spec']>['resources'];
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly priority?: number;
  /** In order of `initContainers` and `containers`. */
  readonly scores: readonly number[];
}

const CASES: readonly Case[] = [
  {
    what: 'the request of each, without one of the pod',
    containers: [container('a', '1Gi'), container('b', '2Gi'), container('c', '')],
    scores: [900, 800, 999],
  },
  {
    what: 'not less than that of a guaranteed pod with all memory',
    containers: [container('a', '10Gi')],
    scores: [3],
  },
  {
    what: 'what the pod asks for beyond its containers, in equal parts',
    whole: { requests: { memory: '6Gi' } },
    containers: [container('a', '1Gi'), container('b', '2Gi'), container('c', '')],
    scores: [800, 700, 900],
  },
  {
    what: 'what the pod asks for alone',
    whole: { requests: { memory: '2Gi' }, limits: { memory: '4Gi' } },
    containers: [container('a', ''), container('b', '')],
    scores: [900, 900],
  },
  {
    what: 'nothing of a pod that asks for other resources',
    whole: { requests: { cpu: '1' } },
    containers: [container('a', '1Gi'), container('b', '')],
    scores: [900, 999],
  },
  {
    what: 'no more where containers ask for all',
    whole: { requests: { memory: '3Gi' }, limits: { memory: '4Gi' } },
    containers: [container('a', '1Gi'), container('b', '2Gi')],
    scores: [900, 800],
  },
  {
    what: 'parts for init containers too, whose largest request counts where it is more',
    whole: { requests: { memory: '6Gi' } },
    containers: [container('a', '1Gi')],
    initContainers: [container('init', '2Gi')],
    // 4 GiB are left, in two parts.
    scores: [600, 700],
  },
  {
    what: 'a sidecar like the least of the others, with their part',
    whole: { requests: { memory: '6Gi' } },
    containers: [container('a', '1Gi'), container('b', '2Gi')],
    initContainers: [container('side', '', SIDECAR)],
    // 3 GiB are left, in three parts.
    scores: [800, 800, 700],
  },
  {
    what: 'a sidecar by its own request where that is more',
    whole: { requests: { memory: '6Gi' } },
    containers: [container('a', '1Gi')],
    initContainers: [container('side', '3Gi', SIDECAR)],
    scores: [600, 800],
  },
  {
    what: 'parts in whole bytes',
    // With the third of a byte they would be 998.
    whole: { requests: { memory: '64424510' } },
    containers: [container('a', ''), container('b', ''), container('c', '')],
    scores: [999, 999, 999],
  },
  {
    what: 'a pod whose own limits make it guaranteed',
    whole: { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi' } },
    containers: [container('a', '')],
    scores: [-997],
  },
  {
    what: 'a pod that the node cannot do without',
    whole: { requests: { memory: '1Gi' } },
    containers: [container('a', '')],
    priority: 2_000_001_000,
    scores: [-997],
  },
];

describe('oomScoreAdjust', () => {
  for (const { what, whole, containers, initContainers = [], priority, scores } of CASES)
    it(`goes by ${what}`, () => {
      const pod: Pod = {
        spec: {
          containers: [...containers],
          initContainers: [...initContainers],
          ...(whole === undefined ? {} : { resources: whole }),
          ...(priority === undefined ? {} : { priority }),
        },
      };
      assert.deepEqual(
        [...initContainers, ...containers].map((one) => oomScoreAdjust(pod, one, CAPACITY)),
        scores,
      );
    });
});
