import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job, JobSpec, JobStatus } from '#api/gen/batch-v1.ts';
import { JOB } from '../batch/job.ts';
import { statusErrors } from '../kind-test-kit.ts';

const START = '2026-01-01T00:00:00Z';
const END = '2026-01-01T00:01:00Z';
const INDEXED: Partial<JobSpec> = {
  completionMode: 'Indexed',
  completions: 5,
  backoffLimitPerIndex: 1,
};

const job = (status: JobStatus, spec: Partial<JobSpec> = {}): Job => ({
  spec: { template: {}, completions: 5, parallelism: 2, ...spec },
  status,
});
const is = (...types: string[]): JobStatus => ({
  conditions: types.map((type) => ({ type, status: 'True' })),
});
const DONE: JobStatus = {
  ...is('SuccessCriteriaMet', 'Complete'),
  startTime: START,
  completionTime: END,
};

interface Case {
  readonly says: string;
  readonly next: JobStatus;
  readonly old?: JobStatus;
  readonly spec?: Partial<JobSpec>;
  readonly errors: readonly string[];
}

const CASES: readonly Case[] = [
  { says: 'takes a job that runs', next: { active: 2, ready: 1, startTime: START }, errors: [] },
  { says: 'takes a complete job', next: DONE, errors: [] },
  {
    says: 'takes a failed job',
    next: { ...is('FailureTarget', 'Failed'), startTime: START },
    errors: [],
  },
  {
    says: 'wants a target before the failure',
    next: { ...is('Failed'), startTime: START },
    errors: [
      'status.conditions: Forbidden: cannot set Failed=True condition without the FailureTarget=true condition',
    ],
  },
  {
    says: 'wants the criteria met before the end',
    next: { ...DONE, ...is('Complete') },
    errors: [
      'status.conditions: Forbidden: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
    ],
  },
  {
    says: 'does not take success and failure',
    next: { ...is('SuccessCriteriaMet', 'FailureTarget'), startTime: START },
    errors: [
      'status.conditions: Forbidden: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions',
    ],
  },
  {
    says: 'takes no end back',
    old: DONE,
    next: { ...is('SuccessCriteriaMet'), startTime: START },
    errors: ['status.conditions: Forbidden: cannot disable the terminal Complete=True condition'],
  },
  {
    says: 'wants the time of the end',
    next: { ...is('SuccessCriteriaMet', 'Complete'), startTime: START },
    errors: ['status.completionTime: Required value: completionTime is required for Complete jobs'],
  },
  {
    says: 'has no time of the end before the end',
    next: { startTime: START, completionTime: END },
    errors: [
      `status.completionTime: Invalid value: "${END}": cannot set completionTime when there is no Complete=True condition`,
    ],
  },
  {
    says: 'ends after it starts',
    next: { ...DONE, startTime: END, completionTime: START },
    errors: [
      `status.completionTime: Invalid value: "${START}": must be equal to or after \`startTime\``,
    ],
  },
  {
    says: 'keeps the time of the end',
    old: DONE,
    next: { ...DONE, completionTime: '2026-01-01T00:02:00Z' },
    errors: ['status.completionTime: Invalid value: "2026-01-01T00:02:00Z": field is immutable'],
  },
  {
    says: 'keeps the time of the start',
    old: { startTime: START },
    next: { startTime: END },
    errors: [
      `status.startTime: Invalid value: "${END}": field is immutable for unsuspended job once set`,
    ],
  },
  {
    says: 'may start again while suspended',
    old: { startTime: START },
    next: {},
    spec: { suspend: true },
    errors: [],
  },
  {
    says: 'has no more ready than active pods',
    next: { active: 1, ready: 2 },
    errors: ['status.ready: Invalid value: 2: cannot set more ready pods than active'],
  },
  {
    says: 'has no active pods after the end',
    next: { ...DONE, active: 1 },
    errors: ['status.active: Invalid value: 1: active>0 is invalid for finished job'],
  },
  {
    says: 'counts up',
    old: { failed: 2, succeeded: 2 },
    next: { failed: 1, succeeded: 1 },
    errors: [
      'status.failed: Invalid value: 1: cannot decrease the failed counter',
      'status.succeeded: Invalid value: 1: cannot decrease the succeeded counter',
    ],
  },
  {
    says: 'counts each pod once',
    next: { uncountedTerminatedPods: { succeeded: ['a'], failed: ['a', ''] } },
    errors: [
      'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
      'status.uncountedTerminatedPods.failed[1]: Invalid value: "": must not be empty',
    ],
  },
  {
    says: 'has indexes only when it is indexed',
    next: { completedIndexes: '1' },
    errors: [
      'status.completedIndexes: Invalid value: "1": cannot set non-empty completedIndexes when non-indexed completion mode',
    ],
  },
  {
    says: 'has failed indexes only with a limit for each index',
    next: { failedIndexes: '1' },
    errors: [
      'status.failedIndexes: Invalid value: "1": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
    ],
  },
  {
    says: 'has indexes below the completions',
    next: { completedIndexes: '5' },
    spec: INDEXED,
    errors: [
      'status.completedIndexes: Invalid value: "5": error parsing completedIndexes: too large index: "5"',
    ],
  },
  {
    says: 'does not complete what failed',
    next: { completedIndexes: '1-3', failedIndexes: '3' },
    spec: INDEXED,
    errors: [
      'status.failedIndexes: Invalid value: "3": failedIndexes and completedIndexes overlap at index: 3',
    ],
  },
];

describe('a status of a Job', () => {
  for (const { says, next, old = {}, spec = {}, errors } of CASES) {
    it(says, () => assert.deepEqual(statusErrors(JOB, job(next, spec), job(old, spec)), errors));
  }
});
