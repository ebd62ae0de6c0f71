/** When a Job has come to its end, and which reason comes first. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobSpec, JobStatus } from '#api/gen/batch-v1.ts';
import { jobWith, sight } from '#kit/job-pods.ts';
import { deadlineLeftMs, isComplete, judge } from './judge.ts';

interface Row {
  readonly claim: string;
  readonly spec?: Partial<JobSpec>;
  readonly status?: JobStatus;
  readonly pods?: readonly string[];
  /** Seconds. */
  readonly now?: number;
  readonly verdict: string;
}

const condition = (type: string, reason: string) => ({
  conditions: [{ type, status: 'True', reason, message: 'm' }],
});
const rules = [
  { action: 'FailJob' as const, onExitCodes: { operator: 'In' as const, values: [42] } },
];
const perIndex: Partial<JobSpec> = {
  completionMode: 'Indexed',
  completions: 3,
  backoffLimit: 2 ** 31 - 1,
  backoffLimitPerIndex: 0,
};
const restarting: Partial<JobSpec> = {
  template: { spec: { restartPolicy: 'OnFailure', containers: [] } },
};

const ROWS: readonly Row[] = [
  { claim: 'goes on', pods: ['a'], verdict: '' },
  {
    claim: 'goes on at the limit',
    spec: { backoffLimit: 1 },
    pods: ['a phase=Failed'],
    verdict: '',
  },
  {
    claim: 'fails beyond the limit',
    spec: { backoffLimit: 1 },
    status: { failed: 1 },
    pods: ['a phase=Failed'],
    verdict: 'FailureTarget BackoffLimitExceeded',
  },
  {
    claim: 'counts those that are not counted yet',
    spec: { backoffLimit: 1 },
    status: { uncountedTerminatedPods: { failed: ['x', 'y'] } },
    verdict: 'FailureTarget BackoffLimitExceeded',
  },
  {
    claim: 'counts nobody twice',
    spec: { backoffLimit: 1 },
    status: { uncountedTerminatedPods: { failed: ['a'] } },
    pods: ['a phase=Failed'],
    verdict: '',
  },
  {
    claim: 'counts restarts at the limit',
    spec: { ...restarting, backoffLimit: 3 },
    pods: ['a restarts=2', 'b restarts=1'],
    verdict: 'FailureTarget BackoffLimitExceeded',
  },
  {
    claim: 'counts restarts below the limit',
    spec: { ...restarting, backoffLimit: 3 },
    pods: ['a restarts=2'],
    verdict: '',
  },
  {
    claim: 'allows no restart with a limit of 0',
    spec: { ...restarting, backoffLimit: 0 },
    pods: ['a restarts=1'],
    verdict: 'FailureTarget BackoffLimitExceeded',
  },
  {
    claim: 'allows Pods to run with a limit of 0',
    spec: { ...restarting, backoffLimit: 0 },
    pods: ['a'],
    verdict: '',
  },
  {
    claim: 'counts no restarts of Pods that have ended',
    spec: { ...restarting, backoffLimit: 3 },
    pods: ['a restarts=3 phase=Succeeded'],
    verdict: '',
  },
  {
    claim: 'fails at its deadline',
    spec: { activeDeadlineSeconds: 100 },
    now: 100,
    verdict: 'FailureTarget DeadlineExceeded',
  },
  { claim: 'does not fail before', spec: { activeDeadlineSeconds: 100 }, now: 99, verdict: '' },
  {
    claim: 'has no deadline while it is suspended',
    spec: { activeDeadlineSeconds: 10, suspend: true },
    verdict: '',
  },
  {
    claim: 'fails by its policy first',
    spec: { backoffLimit: 0, podFailurePolicy: { rules } },
    pods: ['a phase=Failed exit=42'],
    verdict: 'FailureTarget PodFailurePolicy',
  },
  {
    claim: 'goes by the limit before the deadline',
    spec: { backoffLimit: 0, activeDeadlineSeconds: 1 },
    pods: ['a phase=Failed'],
    verdict: 'FailureTarget BackoffLimitExceeded',
  },
  {
    claim: 'stays with the failure that it declared',
    spec: { backoffLimit: 0 },
    status: condition('FailureTarget', 'DeadlineExceeded'),
    pods: ['a phase=Failed'],
    verdict: 'Failed DeadlineExceeded',
  },
  {
    claim: 'stays with the success that it declared',
    spec: { backoffLimit: 0 },
    status: condition('SuccessCriteriaMet', 'SuccessPolicy'),
    pods: ['a phase=Failed'],
    verdict: 'SuccessCriteriaMet SuccessPolicy',
  },
  {
    claim: 'fails when all indexes ended and one failed',
    spec: perIndex,
    status: { completedIndexes: '0,1' },
    pods: ['a index=2 phase=Failed'],
    verdict: 'FailureTarget FailedIndexes',
  },
  {
    claim: 'goes on while an index can succeed',
    spec: perIndex,
    status: { completedIndexes: '0' },
    pods: ['a index=2 phase=Failed'],
    verdict: '',
  },
  {
    claim: 'fails when too many indexes failed',
    spec: { ...perIndex, maxFailedIndexes: 1 },
    status: { failedIndexes: '0' },
    pods: ['a index=1 phase=Failed'],
    verdict: 'FailureTarget MaxFailedIndexesExceeded',
  },
  {
    claim: 'bears as many failed indexes as it may',
    spec: { ...perIndex, maxFailedIndexes: 2 },
    status: { failedIndexes: '0' },
    pods: ['a index=1 phase=Failed'],
    verdict: '',
  },
  {
    claim: 'repeats an index below its limit',
    spec: { ...perIndex, backoffLimitPerIndex: 2 },
    status: { completedIndexes: '0,1' },
    pods: ['a index=2 phase=Failed failures=1'],
    verdict: '',
  },
  {
    claim: 'goes by the failures that the Pod carries',
    spec: { ...perIndex, backoffLimitPerIndex: 2 },
    status: { completedIndexes: '0,1' },
    pods: ['a index=2 phase=Failed failures=2'],
    verdict: 'FailureTarget FailedIndexes',
  },
  {
    claim: 'succeeds by its policy',
    spec: { ...perIndex, successPolicy: { rules: [{ succeededCount: 2 }] } },
    status: { completedIndexes: '0' },
    pods: ['a index=1 phase=Succeeded'],
    verdict: 'SuccessCriteriaMet SuccessPolicy',
  },
];

describe('judge()', () => {
  for (const { claim, spec, status, pods = [], now = 50, verdict } of ROWS) {
    it(claim, () => {
      const { type = '', reason = '' } =
        judge(sight(pods, { job: jobWith(spec, status), now })) ?? {};
      assert.equal(`${type} ${reason}`.trim(), verdict);
    });
  }
});

describe('isComplete()', () => {
  const done = (pods: readonly string[], spec: Partial<JobSpec>, active = 0): boolean =>
    isComplete(sight(pods, { job: jobWith(spec) }), active);
  it('asks for all completions and no Pod that runs', () => {
    const two = ['a phase=Succeeded', 'b phase=Succeeded'];
    assert.equal(done(two, { completions: 2 }), true);
    assert.equal(done(two, { completions: 3 }), false);
    assert.equal(done(two, { completions: 2 }, 1), false);
  });
  it('asks for one success without completions', () => {
    assert.equal(done(['a phase=Succeeded'], {}), true);
    assert.equal(done([], {}), false);
  });
});

describe('deadlineLeftMs()', () => {
  it('counts from the start', () => {
    const job = jobWith({ activeDeadlineSeconds: 60 });
    assert.equal(deadlineLeftMs(sight([], { job, now: 20 })), 40_000);
    assert.equal(deadlineLeftMs(sight([])), undefined);
  });
});
