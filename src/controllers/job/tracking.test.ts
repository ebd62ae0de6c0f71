/** Counting, step by step: what is written before finalizers go, and what after. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobSpec, JobStatus } from '#api/gen/batch-v1.ts';
import { jobWith, sight } from '#kit/job-pods.ts';
import type { Said } from './conditions.ts';
import { countReleased, finishedStatus, track } from './tracking.ts';

const said = (type: string): Said => ({ type, reason: 'R', message: 'm' });
const MET = said('SuccessCriteriaMet');
const TARGET = said('FailureTarget');

interface Row {
  readonly claim: string;
  readonly pods: readonly string[];
  readonly spec?: Partial<JobSpec>;
  readonly status?: JobStatus;
  readonly verdict?: Said;
  readonly removed?: readonly string[];
  /** Names of Pods that lose their finalizer, then uids that get onto the lists. */
  readonly release: string;
  readonly succeeded?: string;
  readonly failed?: string;
}

const indexed: Partial<JobSpec> = { completionMode: 'Indexed', completions: 3 };
const ignore = {
  rules: [{ action: 'Ignore' as const, onExitCodes: { operator: 'In' as const, values: [42] } }],
};

const ROWS: readonly Row[] = [
  { claim: 'lets Pods be that run', pods: ['a'], release: '' },
  {
    claim: 'counts those that ended',
    pods: ['a phase=Succeeded', 'b phase=Failed', 'c'],
    release: 'a b',
    succeeded: 'a',
    failed: 'b',
  },
  {
    claim: 'counts Pods that are being deleted as failed',
    pods: ['a deleted'],
    release: 'a',
    failed: 'a',
  },
  {
    claim: 'does not when only ended ones are replaced',
    pods: ['a deleted'],
    spec: { podReplacementPolicy: 'Failed' },
    release: '',
  },
  {
    claim: 'passes over those without the finalizer',
    pods: ['a phase=Failed untracked'],
    release: '',
  },
  {
    claim: 'passes over those whose finalizer it removed',
    pods: ['a phase=Failed'],
    removed: ['a'],
    release: '',
  },
  {
    claim: 'goes on where a pass stopped',
    pods: ['a phase=Failed'],
    status: { uncountedTerminatedPods: { failed: ['a'] } },
    release: 'a',
    failed: 'a',
  },
  {
    claim: 'does not count a failure as a success later',
    pods: ['a phase=Succeeded'],
    status: { uncountedTerminatedPods: { failed: ['a'] } },
    release: 'a',
    failed: 'a',
  },
  {
    claim: 'counts all as failed when the Job fails',
    pods: ['a'],
    verdict: TARGET,
    release: 'a',
    failed: 'a',
  },
  { claim: 'counts none as failed when it succeeds', pods: ['a'], verdict: MET, release: 'a' },
  {
    claim: 'releases without counting when a failure is ignored',
    pods: ['a phase=Failed exit=42'],
    spec: { podFailurePolicy: ignore },
    release: 'a',
  },
  {
    claim: 'needs no list for indexes',
    pods: ['a phase=Succeeded index=1'],
    spec: indexed,
    release: 'a',
  },
  {
    claim: 'counts no failure without a valid index',
    pods: ['a phase=Failed index=7', 'b phase=Failed'],
    spec: indexed,
    release: 'b a',
  },
  {
    claim: 'keeps the Pod that waits for its replacement',
    pods: ['a phase=Failed index=1'],
    spec: { ...indexed, backoffLimitPerIndex: 3 },
    release: '',
  },
  {
    claim: 'lets it go when the replacement runs',
    pods: ['a phase=Failed index=1', 'b index=1 failures=1'],
    spec: { ...indexed, backoffLimitPerIndex: 3 },
    release: 'a',
    failed: 'a',
  },
  {
    claim: 'keeps the last one of an index',
    pods: ['a phase=Failed index=1 failures=0', 'b phase=Failed index=1 failures=1'],
    spec: { ...indexed, backoffLimitPerIndex: 3 },
    release: 'a',
    failed: 'a',
  },
];

describe('track()', () => {
  for (const row of ROWS) {
    it(row.claim, () => {
      const job = jobWith(row.spec, row.status);
      const world = { job, ...(row.removed === undefined ? {} : { removed: row.removed }) };
      const { release, status } = track(sight(row.pods, world), job.status ?? {}, row.verdict);
      const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
      assert.deepEqual(
        [release.map(({ metadata }) => metadata?.name).join(' '), succeeded.join(), failed.join()],
        [row.release, row.succeeded ?? '', row.failed ?? ''],
      );
    });
  }

  it('lets a Job go that is being deleted, counting what failed alone', () => {
    const made = jobWith();
    const job = {
      ...made,
      metadata: { ...made.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    };
    const { release, status } = track(sight(['a', 'b deleted'], { job }), {}, undefined);
    assert.equal(release.length, 2);
    assert.deepEqual(status.uncountedTerminatedPods, { failed: ['b'] });
  });

  it('counts those whose Pods lost the finalizer', () => {
    const job = jobWith({}, { succeeded: 2, uncountedTerminatedPods: { succeeded: ['x', 'a'] } });
    const { status } = track(sight(['a phase=Succeeded'], { job }), job.status ?? {}, undefined);
    assert.deepEqual([status.succeeded, status.uncountedTerminatedPods], [3, { succeeded: ['a'] }]);
  });

  it('writes indexes as they are, smaller after the Job was made smaller', () => {
    const job = jobWith(indexed, { completedIndexes: '0,5-9', succeeded: 6 });
    const { status } = track(
      sight(['a phase=Succeeded index=2'], { job }),
      job.status ?? {},
      undefined,
    );
    assert.deepEqual([status.completedIndexes, status.succeeded], ['0,2', 2]);
  });

  it('stops at 500, and does not finish then', () => {
    const many = Array.from({ length: 600 }, (_, i) => `p${i} phase=Failed`);
    const tracking = track(sight(many), {}, TARGET);
    assert.equal(tracking.release.length, 500);
    assert.equal(finishedStatus({}, tracking, 0), undefined);
    const indexes = Array.from({ length: 600 }, (_, i) => `p${i} phase=Succeeded index=${i}`);
    const job = jobWith({ ...indexed, completions: 600 });
    const { release, status } = track(sight(indexes, { job }), {}, undefined);
    assert.deepEqual([release.length, status.completedIndexes], [500, '0-599']);
  });

  it('writes the verdict once', () => {
    const first = track(sight([]), {}, MET).status;
    assert.deepEqual(
      first.conditions?.map(({ type }) => type),
      ['SuccessCriteriaMet'],
    );
    assert.deepEqual(track(sight([]), first, MET).status.conditions, first.conditions);
    assert.equal(track(sight([]), {}, said('Failed')).status.conditions, undefined);
  });
});

describe('finishedStatus()', () => {
  const nowMs = Date.parse('2026-01-01T00:01:00Z');
  const finish = (status: JobStatus, verdict: Said | undefined): JobStatus | undefined =>
    finishedStatus(status, track(sight([]), status, verdict), nowMs);
  it('is Complete with its time, or Failed without', () => {
    const complete = finish({}, MET);
    assert.equal(complete?.conditions?.at(-1)?.type, 'Complete');
    assert.equal(complete?.completionTime, '2026-01-01T00:01:00Z');
    const failed = finish({}, TARGET);
    assert.deepEqual(
      [failed?.conditions?.at(-1)?.type, failed?.completionTime],
      ['Failed', undefined],
    );
  });
  it('waits for Pods that are to be counted, and for Pods that are stopping', () => {
    assert.equal(finish({ uncountedTerminatedPods: { failed: ['a'] } }, MET), undefined);
    assert.equal(finish({ terminating: 1 }, MET), undefined);
    assert.equal(finish({}, undefined), undefined);
  });
});

describe('countReleased()', () => {
  it('leaves out counts of nothing', () => {
    assert.deepEqual(countReleased({}, new Set()), { uncountedTerminatedPods: {} });
  });
});
