/** Which time is due, row by row. Times are minutes after 2026-01-01. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CronJob, CronJobSpec } from '#api/gen/batch-v1.ts';
import { at } from '#kit/builders.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { missedTimes, untilNextMs } from './missed.ts';
import { timetableOf } from './timetable.ts';

const minuteMs = (minute: number): number => VIRTUAL_START_MS + minute * 60_000;

function cronJob(schedule: string, last?: number, deadline?: number): CronJob {
  const spec: CronJobSpec = {
    schedule,
    jobTemplate: {},
    ...(deadline === undefined ? {} : { startingDeadlineSeconds: deadline }),
  };
  const status = last === undefined ? {} : { lastScheduleTime: at(last * 60) };
  return { metadata: { name: 'tick', creationTimestamp: at(60) }, spec, status };
}

interface Row {
  readonly claim: string;
  readonly schedule?: string;
  /** The last time that was acted on; made at minute 1. */
  readonly last?: number;
  /** Seconds. */
  readonly deadline?: number;
  readonly now: number;
  /** The time that is due, and how many were missed; then minutes until the next one. */
  readonly due: string;
  readonly next: number;
}

const ROWS: readonly Row[] = [
  { claim: 'nothing before the first time', now: 5, due: 'none', next: 5 },
  { claim: 'the first time since it was made', now: 10, due: '10 none', next: 10 },
  { claim: 'nothing that was done', last: 10, now: 15, due: 'none', next: 5 },
  { claim: 'the last of several', last: 10, now: 45, due: '40 few', next: 5 },
  { claim: 'the last of a hundred', last: 0, now: 1_005, due: '1000 few', next: 5 },
  { claim: 'the last of more, and says so', last: 0, now: 1_015, due: '1010 many', next: 5 },
  {
    claim: 'nothing older than the deadline',
    last: 10,
    deadline: 60,
    now: 25,
    due: 'none',
    next: 5,
  },
  {
    claim: 'what is within the deadline',
    last: 10,
    deadline: 360,
    now: 25,
    due: '20 none',
    next: 5,
  },
  {
    claim: 'the last of uneven times',
    schedule: '0 1-2,12 * * *',
    last: 0,
    now: 770,
    due: '720 few',
    next: 730,
  },
  {
    claim: 'none of uneven times when the estimate steps over the last one',
    schedule: '0 1-2,12 * * *',
    last: 0,
    now: 800,
    due: 'few',
    next: 700,
  },
  {
    claim: 'times of an interval, from the last one on',
    schedule: '@every 7m',
    last: 2,
    now: 25,
    due: '23 few',
    next: 5,
  },
];

describe('missedTimes()', () => {
  for (const { claim, schedule = '*/10 * * * *', last, deadline, now, due, next } of ROWS) {
    it(`finds ${claim}`, () => {
      const object = cronJob(schedule, last, deadline);
      const table = timetableOf(schedule);
      const nowMs = minuteMs(now);
      const { mostRecentMs, count } = missedTimes(object, table, { nowMs, withDeadline: true });
      const minute =
        mostRecentMs === undefined ? '' : `${(mostRecentMs - VIRTUAL_START_MS) / 60_000} `;
      assert.equal(`${minute}${count}`, due);
      assert.equal(untilNextMs(object, table, nowMs), next * 60_000 + 100);
    });
  }

  it('says when there are no times at all', () => {
    const table = timetableOf('0 0 31 2 *');
    const { error } = missedTimes(cronJob('0 0 31 2 *'), table, {
      nowMs: minuteMs(9),
      withDeadline: true,
    });
    assert.equal(error, 'time difference between two schedules is less than 1 second');
    assert.equal(untilNextMs(cronJob('0 0 31 2 *'), table, minuteMs(9)), undefined);
  });
});
