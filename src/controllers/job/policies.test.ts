/** Failure and success policies, rule by rule. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodFailurePolicyRule, SuccessPolicyRule } from '#api/gen/batch-v1.ts';
import { jobPod } from '#kit/job-pods.ts';
import { type FailureVerdict, judgeFailure } from './failure-policy.ts';
import { readIntervals } from './intervals.ts';
import { metSuccessRule } from './success-policy.ts';

type Rule = PodFailurePolicyRule;
const exits = (
  action: Rule['action'],
  operator: 'In' | 'NotIn',
  values: number[],
  containerName?: string,
): Rule => ({
  action,
  onExitCodes: { operator, values, ...(containerName === undefined ? {} : { containerName }) },
});
const conditions = (action: Rule['action'], type: string, status = 'True'): Rule => ({
  action,
  onPodConditions: [{ type, status }],
});

describe('judgeFailure()', () => {
  const container = 'Container main for pod default/a failed with exit code 42';
  const rows: readonly (readonly [claim: string, rules: Rule[], verdict: FailureVerdict])[] = [
    ['counts without rules', [], { counts: true }],
    [
      'fails the Job',
      [exits('FailJob', 'In', [42])],
      { action: 'FailJob', counts: true, failJob: `${container} matching FailJob rule at index 0` },
    ],
    [
      'takes the first rule that matches',
      [exits('Ignore', 'In', [1]), exits('FailJob', 'NotIn', [1]), exits('Ignore', 'In', [42])],
      { action: 'FailJob', counts: true, failJob: `${container} matching FailJob rule at index 1` },
    ],
    ['ignores', [exits('Ignore', 'In', [42])], { action: 'Ignore', counts: false }],
    ['counts', [exits('Count', 'In', [42])], { action: 'Count', counts: true }],
    ['fails the index', [exits('FailIndex', 'In', [42])], { action: 'FailIndex', counts: true }],
    ['looks at one container', [exits('Ignore', 'In', [42], 'other')], { counts: true }],
    [
      'finds the container',
      [exits('Ignore', 'In', [42], 'main')],
      { action: 'Ignore', counts: false },
    ],
    [
      'looks at the status of a condition',
      [conditions('Ignore', 'Ready', 'True')],
      { counts: true },
    ],
    [
      'looks at conditions',
      [conditions('FailJob', 'Ready', 'False')],
      {
        action: 'FailJob',
        counts: true,
        failJob: 'Pod default/a has condition Ready matching FailJob rule at index 0',
      },
    ],
    [
      'passes over actions that it does not know',
      [exits('Retry' as 'Count', 'In', [42])],
      { counts: true },
    ],
  ];
  for (const [claim, rules, verdict] of rows) {
    it(claim, () =>
      assert.deepEqual(judgeFailure({ rules }, jobPod('a phase=Failed exit=42')), verdict),
    );
  }
  it('never takes a success for a failure', () => {
    const rules = [exits('Ignore', 'NotIn', [42])];
    assert.deepEqual(judgeFailure({ rules }, jobPod('a exit=0')), { counts: true });
  });
  it('looks at init containers when no other matches', () => {
    const pod = jobPod('a');
    const ended = jobPod('b exit=42').status?.containerStatuses ?? [];
    const initContainerStatuses = ended.map((status) => ({ ...status, name: 'setup' }));
    const rules = [exits('FailJob', 'In', [42])];
    const verdict = judgeFailure(
      { rules },
      { ...pod, status: { ...pod.status, initContainerStatuses } },
    );
    assert.match(verdict.failJob ?? '', /^Container setup for pod/);
  });
});

describe('metSuccessRule()', () => {
  const rows: readonly (readonly [
    rules: SuccessPolicyRule[],
    done: string,
    met: string | undefined,
  ])[] = [
    [[{ succeededIndexes: '0,2-3' }], '0-2', undefined],
    [[{ succeededIndexes: '0,2-3' }], '0-3', 'Matched rules at index 0'],
    [[{ succeededIndexes: '0,2-3', succeededCount: 2 }], '1-2', undefined],
    [[{ succeededIndexes: '0,2-3', succeededCount: 2 }], '2-3', 'Matched rules at index 0'],
    [[{ succeededCount: 3 }], '1,5', undefined],
    [[{ succeededCount: 3 }], '1,5,7', 'Matched rules at index 0'],
    [[{ succeededIndexes: '9' }, { succeededCount: 1 }], '1', 'Matched rules at index 1'],
    [[{ succeededCount: 0 }], '', undefined],
  ];
  for (const [rules, done, met] of rows) {
    it(`says ${met ?? 'nothing'} of ${JSON.stringify(rules)} when ${done || 'none'} is done`, () => {
      assert.equal(metSuccessRule({ rules }, 10, readIntervals(done, 10)), met);
    });
  }
});
