/** What a pass sees: numbers, indexes, and Pods that wait for their replacement. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobSpec, JobStatus } from '#api/gen/batch-v1.ts';
import { at } from '#kit/builders.ts';
import { jobWith, sight } from '#kit/job-pods.ts';
import { newCondition, withCondition } from './conditions.ts';
import { intervalsText } from './intervals.ts';

const exits = (action: 'Ignore' | 'FailIndex', values: number[]) => ({
  action,
  onExitCodes: { operator: 'In' as const, values },
});
const perIndex: Partial<JobSpec> = {
  completionMode: 'Indexed',
  completions: 5,
  backoffLimitPerIndex: 1,
  podFailurePolicy: { rules: [exits('FailIndex', [42]), exits('Ignore', [43])] },
};

describe('what a pass sees', () => {
  const status: JobStatus = {
    succeeded: 3,
    failed: 2,
    uncountedTerminatedPods: { succeeded: ['a'], failed: ['b'] },
  };

  it('counts each Pod once: in the status, on its lists, or new', () => {
    const pods = [
      'a phase=Succeeded',
      'b phase=Failed',
      'c phase=Succeeded',
      'd phase=Failed',
      'e',
    ];
    const seen = sight(pods, { job: jobWith({}, status) });
    assert.deepEqual([seen.succeeded, seen.failed, seen.active.length], [3 + 1 + 1, 2 + 1 + 1, 1]);
  });

  it('leaves out what is counted for good', () => {
    const pods = ['x phase=Succeeded', 'y phase=Failed', 'z phase=Failed untracked'];
    const seen = sight(pods, { job: jobWith({}, status), removed: ['x', 'y'] });
    assert.deepEqual([seen.succeeded, seen.failed], [4, 3]);
  });

  it('counts no failure that is ignored, and lets it start the back-off', () => {
    const job = jobWith({ podFailurePolicy: { rules: [exits('Ignore', [43])] } });
    const seen = sight(['a phase=Failed exit=43 ended=9', 'b phase=Failed exit=1 ended=5'], {
      job,
    });
    assert.deepEqual([seen.failed, seen.backoff.failures], [1, 2]);
  });

  it('starts a Job that is not suspended', () => {
    const start = (suspend: boolean, startTime?: string): string | undefined => {
      const made = jobWith({ suspend });
      const { startTime: _start, ...others } = made.status ?? {};
      const job = { ...made, status: startTime === undefined ? others : { ...others, startTime } };
      return sight([], { job, now: 30 }).startTime;
    };
    assert.deepEqual([start(false), start(true), start(false, at(5))], [at(30), undefined, at(5)]);
  });

  it('knows which indexes failed: at once, at their limit, or not by what is ignored', () => {
    const pods = [
      'a index=0 phase=Failed exit=42',
      'b index=1 phase=Failed exit=1',
      'c index=2 phase=Failed exit=1 failures=1',
      'd index=3 phase=Failed exit=43 failures=1',
      'e index=4 failures=1',
    ];
    const { indexes } = sight(pods, { job: jobWith(perIndex) });
    assert.equal(intervalsText(indexes?.failed ?? []), '0,2');
    assert.deepEqual([...(indexes?.waiting.keys() ?? [])], [1, 3], 'the others wait');
  });

  it('keeps of each index the Pod that failed last', () => {
    const waiting = (pods: string[]): string | undefined =>
      sight(pods, { job: jobWith({ ...perIndex, backoffLimitPerIndex: 9 }) }).indexes?.waiting.get(
        0,
      )?.metadata?.name;
    const [first, second] = [
      'a index=0 phase=Failed exit=1 ended=',
      'b index=0 phase=Failed exit=1 ended=',
    ];
    assert.equal(waiting([`${first}5`, `${second}7`]), 'b');
    assert.equal(waiting([`${first}7`, `${second}5`]), 'a');
    assert.equal(waiting([`${first}5 failures=2`, `${second}7 failures=1`]), 'a');
    assert.equal(waiting([`${first}5`, 'b index=0']), undefined, 'its replacement runs');
  });

  it('has the Pods in the order of their indexes', () => {
    const job = jobWith({ completionMode: 'Indexed', completions: 9 });
    const { pods } = sight(['a index=8', 'b index=2', 'c'], { job });
    assert.deepEqual(
      pods.map(({ metadata }) => metadata?.name),
      ['c', 'b', 'a'],
    );
  });
});

describe('withCondition()', () => {
  const said = { type: 'Suspended', reason: 'R', message: 'm', status: 'True' as const };
  const old = [newCondition(said, 0)];
  it('keeps the list when it says so already', () => {
    assert.equal(withCondition(old, said, 9_000), old);
  });
  it('changes what it says, with a new time', () => {
    const next = withCondition(old, { ...said, status: 'False' }, 9_000);
    assert.deepEqual(next, [newCondition({ ...said, status: 'False' }, 9_000)]);
    assert.equal(next[0]?.lastTransitionTime, '1970-01-01T00:00:09Z');
  });
  it('adds none that is False', () => {
    assert.deepEqual(withCondition([], { ...said, status: 'False' }, 0), []);
    assert.equal(withCondition([], said, 0).length, 1);
  });
});
