/** Which Jobs are kept, and what the status says of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CronJob, Job } from '#api/gen/batch-v1.ts';
import { at } from '#kit/builders.ts';
import { account, jobsToForget } from './history.ts';

/** `a Complete start=5 end=9` */
function job(text: string): Job {
  const [name = '', ...words] = text.split(' ');
  const seconds = (word: string): string | undefined => {
    const found = words.find((each) => each.startsWith(`${word}=`))?.slice(word.length + 1);
    return found === undefined ? undefined : at(Number(found));
  };
  const [type] = words.filter((word) => !word.includes('='));
  const [startTime, completionTime] = [seconds('start'), seconds('end')];
  return {
    metadata: { name, uid: name },
    status: {
      ...(startTime === undefined ? {} : { startTime }),
      ...(completionTime === undefined ? {} : { completionTime }),
      ...(type === undefined ? {} : { conditions: [{ type, status: 'True' }] }),
    },
  };
}

const names = (jobs: readonly Job[]): string =>
  jobs.map(({ metadata }) => metadata?.name).join(' ');

describe('jobsToForget()', () => {
  const limits = (successful: number | undefined, failed: number | undefined): CronJob => ({
    spec: {
      schedule: '@daily',
      jobTemplate: {},
      ...(successful === undefined ? {} : { successfulJobsHistoryLimit: successful }),
      ...(failed === undefined ? {} : { failedJobsHistoryLimit: failed }),
    },
  });
  const jobs = [
    'c Complete start=3',
    'a Complete start=1',
    'b Complete start=2',
    'x Failed start=1',
    'y Failed start=1',
    'r start=0',
    'n Complete',
  ].map(job);
  const rows = [
    [limits(3, 1), 'a x'],
    [limits(1, 2), 'a b c'],
    [limits(0, 0), 'a b c n x y'],
    [limits(undefined, 0), 'x y'],
    [limits(undefined, undefined), ''],
  ] as const;
  for (const [cronJob, forgotten] of rows)
    it(`forgets ${forgotten || 'none'}`, () =>
      assert.equal(names(jobsToForget(cronJob, jobs)), forgotten));
});

describe('account()', () => {
  const active = [
    { name: 'a', uid: 'a' },
    { name: 'b', uid: 'b' },
  ];
  it('takes ended Jobs off the list, and tells which', () => {
    const { status, ended, unexpected } = account({ active }, ['a Failed', 'b'].map(job));
    assert.deepEqual(status, { active: [{ name: 'b', uid: 'b' }] });
    assert.deepEqual(
      ended.map(({ job: each, condition }) => `${each.metadata?.name} ${condition}`),
      ['a Failed'],
    );
    assert.deepEqual(unexpected, []);
  });
  it('keeps the newest time of a success, whether it was active or not', () => {
    const jobs = ['a Complete end=9', 'z Complete end=12', 'x Failed end=20'].map(job);
    assert.equal(account({ active }, jobs).status.lastSuccessfulTime, at(12));
    const later = { lastSuccessfulTime: at(30) };
    assert.equal(account(later, jobs).status.lastSuccessfulTime, at(30));
  });
  it('wonders about Jobs that run and are not on the list', () => {
    assert.equal(names(account({ active }, ['a', 'z', 'y Complete'].map(job)).unexpected), 'z');
  });
});
