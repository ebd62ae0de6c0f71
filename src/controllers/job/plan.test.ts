/** Which Pods a pass creates and deletes, world by world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jobWith, sight, type Sight } from '#kit/job-pods.ts';
import { planPods } from './plan.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';

interface Row {
  readonly claim: string;
  readonly pods: readonly string[];
  readonly world?: Sight;
  /** Deletes by name, creates by index (`-` without), and the wait: `-a -b`, `+0 +1`, `30s`. */
  readonly plan: string;
}

function planText(pods: readonly string[], world?: Sight): string {
  const { deletes, creates, waitMs } = planPods(sight(pods, world));
  return [
    ...deletes.map(({ metadata }) => `-${metadata?.name}`),
    ...creates.map((index) => `+${index ?? ''}`),
    ...(waitMs === undefined ? [] : [`${waitMs / 1000}s`]),
  ].join(' ');
}

const plain = (completions: number | undefined, parallelism: number, more: object = {}) =>
  jobWith({ ...(completions === undefined ? {} : { completions }), parallelism, ...more });
const indexed = (
  completions: number,
  parallelism: number,
  more: object = {},
  status: object = {},
) => jobWith({ completionMode: 'Indexed', completions, parallelism, ...more }, status);
const failedAt = (seconds: number) => ({
  failures: 1,
  lastFailureMs: VIRTUAL_START_MS + seconds * 1000,
});

const ROWS: readonly Row[] = [
  {
    claim: 'creates as many as may run at once',
    pods: [],
    world: { job: plain(5, 2) },
    plan: '+ +',
  },
  {
    claim: 'creates no more than are left',
    pods: ['a phase=Succeeded'],
    world: { job: plain(2, 2) },
    plan: '+',
  },
  {
    claim: 'creates nothing when all run',
    pods: ['a', 'b'],
    world: { job: plain(5, 2) },
    plan: '',
  },
  {
    claim: 'without completions creates all',
    pods: ['a'],
    world: { job: plain(undefined, 3) },
    plan: '+ +',
  },
  {
    claim: 'without completions stops at the first success',
    pods: ['a phase=Succeeded', 'b'],
    world: { job: plain(undefined, 3) },
    plan: '',
  },
  {
    claim: 'deletes what is too much, the least advanced first',
    pods: ['a ready', 'b', 'c unscheduled'],
    world: { job: plain(5, 1) },
    plan: '-c -b',
  },
  {
    claim: 'deletes the younger of two that are equal',
    pods: ['a created=1', 'b created=9'],
    world: { job: plain(5, 1) },
    plan: '-b',
  },
  {
    claim: 'deletes all when it is suspended',
    pods: ['a', 'b phase=Failed'],
    world: { job: plain(5, 2, { suspend: true }) },
    plan: '-a',
  },
  {
    claim: 'deletes what will never be counted',
    pods: ['a untracked', 'b'],
    world: { job: plain(5, 2) },
    plan: '-a',
  },
  {
    claim: 'waits for the back-off',
    pods: [],
    world: { job: plain(5, 2), backoff: failedAt(97), now: 100 },
    plan: '7s',
  },
  {
    claim: 'does not wait when nothing is missing',
    pods: ['a'],
    world: { job: plain(5, 1), backoff: failedAt(97) },
    plan: '',
  },
  {
    claim: 'replaces Pods that are being deleted',
    pods: ['a deleted since=0'],
    world: { job: plain(1, 1) },
    plan: '+',
  },
  {
    claim: 'waits for their end when it should',
    pods: ['a deleted'],
    world: { job: plain(1, 1, { podReplacementPolicy: 'Failed' }) },
    plan: '',
  },
  {
    claim: 'waits for their end with a failure policy',
    pods: ['a deleted'],
    world: { job: plain(1, 1, { podFailurePolicy: { rules: [] } }) },
    plan: '',
  },
  {
    claim: 'takes the lowest indexes that are free',
    pods: ['a index=1', 'b index=3 phase=Succeeded'],
    world: { job: indexed(6, 4, {}, { completedIndexes: '0' }) },
    plan: '+2 +4 +5',
  },
  {
    claim: 'deletes doubles, and what has no index of the Job',
    pods: ['a index=0', 'b index=0 ready', 'c', 'd index=9'],
    world: { job: indexed(3, 3) },
    plan: '-c -a -d',
  },
  {
    claim: 'does not repeat an index whose Pod is ending, when it should wait',
    pods: ['a index=0 deleted'],
    world: { job: indexed(3, 3, { podReplacementPolicy: 'Failed' }) },
    plan: '+1 +2',
  },
  {
    claim: 'repeats no index that failed',
    pods: [],
    world: { job: indexed(3, 3, { backoffLimitPerIndex: 1 }, { failedIndexes: '1' }) },
    plan: '+0 +2',
  },
  {
    claim: 'waits for each index on its own',
    pods: ['a index=0 phase=Failed exit=1 ended=95'],
    world: { job: indexed(2, 2, { backoffLimitPerIndex: 3 }) },
    plan: '+1',
  },
  {
    claim: 'waits for the first index when all wait',
    pods: ['a index=0 phase=Failed exit=1 ended=95', 'b index=1 phase=Failed exit=1 ended=92'],
    world: { job: indexed(2, 2, { backoffLimitPerIndex: 3 }) },
    plan: '2s',
  },
  {
    claim: 'has no back-off for all when it has one per index',
    pods: [],
    world: { job: indexed(1, 1, { backoffLimitPerIndex: 3 }), backoff: failedAt(99) },
    plan: '+0',
  },
];

describe('planPods()', () => {
  for (const { claim, pods, world, plan } of ROWS)
    it(claim, () => assert.equal(planText(pods, world), plan));

  it('creates and deletes at most 500 in a pass', () => {
    assert.equal(planPods(sight([], { job: plain(5_000, 5_000) })).creates.length, 500);
    const many = Array.from({ length: 600 }, (_, i) => `p${i}`);
    assert.equal(planPods(sight(many, { job: plain(600, 0) })).deletes.length, 500);
  });
});
