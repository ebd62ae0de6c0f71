/**
 * The next time of a schedule: after the time that was asked, matching the fields, and none between;
 * in zones whose clocks jump.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseSchedule, type Schedule, ScheduleError } from '#api/batch/schedule.ts';
import { timetableOf } from './timetable.ts';
import { Zone } from './zone.ts';

const MINUTE_MS = 60_000;
const ZONES = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Asia/Beirut'];

/** The first times after one, as a clock in the zone shows them. */
function times(schedule: string, zone: string, after: string, count = 1): string[] {
  const table = timetableOf(schedule, zone);
  const found: string[] = [];
  let at: number | undefined = Date.parse(after);
  for (let i = 0; i < count; i++) {
    at = at === undefined ? undefined : table.next(at);
    found.push(at === undefined ? 'never' : new Zone(zone).text(at));
  }
  return found;
}

function matches(schedule: Schedule, zone: Zone, atMs: number): boolean {
  const { month, day, weekday, hour, minute, second } = zone.wallTime(atMs);
  const days = [schedule.daysOfMonth.has(day), schedule.daysOfWeek.has(weekday)];
  const isDay =
    schedule.anyDayOfMonth || schedule.anyDayOfWeek ? days.every(Boolean) : days.some(Boolean);
  return (
    isDay &&
    second === 0 &&
    schedule.months.has(month) &&
    schedule.hours.has(hour) &&
    schedule.minutes.has(minute)
  );
}

const field = (min: number, max: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('*', '?') },
    fc.integer({ min, max }).map(String),
    fc
      .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
      .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    fc.tuple(fc.integer({ min, max }), fc.integer({ min: 1, max: 9 })).map(([a, n]) => `${a}/${n}`),
    fc.integer({ min: 2, max: 20 }).map((n) => `*/${n}`),
  );
const schedules = fc
  .tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6))
  .map((fields) => fields.join(' '));
/** Days around the jumps of clocks in 2026, and any other time. */
const moments = fc.oneof(
  fc.integer({ min: Date.parse('2026-03-07T00:00:00Z'), max: Date.parse('2026-04-06T00:00:00Z') }),
  fc.integer({ min: Date.parse('2026-10-24T00:00:00Z'), max: Date.parse('2026-11-02T00:00:00Z') }),
  fc.integer({ min: Date.parse('2020-01-01T00:00:00Z'), max: Date.parse('2030-01-01T00:00:00Z') }),
);

describe('the next time of a schedule', () => {
  it('is after the time that was asked, matches, and none between does', () => {
    fc.assert(
      fc.property(schedules, fc.constantFrom(...ZONES), moments, (text, zoneName, after) => {
        const schedule = parseSchedule(text);
        assert.ok(!('everyMs' in schedule));
        const zone = new Zone(zoneName);
        const next = timetableOf(text, zoneName).next(after);
        if (next !== undefined) {
          assert.ok(next > after);
          assert.ok(matches(schedule, zone, next), zone.text(next));
        }
        const end = Math.min(next ?? Infinity, after + 3 * 24 * 60 * MINUTE_MS);
        let between = Math.floor(after / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
        for (; between < end; between += MINUTE_MS)
          assert.ok(!matches(schedule, zone, between), zone.text(between));
      }),
      { numRuns: 150 },
    );
  });

  it('is the last one before another time when it is asked backwards', () => {
    fc.assert(
      fc.property(schedules, fc.constantFrom(...ZONES), moments, (text, zone, from) => {
        const table = timetableOf(text, zone);
        const until = from + 2 * 24 * 60 * MINUTE_MS;
        let last: number | undefined;
        for (let at = table.next(from); at !== undefined && at <= until; at = table.next(at))
          last = at;
        assert.equal(table.last(from, until), last);
      }),
      { numRuns: 60 },
    );
  });

  const rows: readonly (readonly [
    claim: string,
    schedule: string,
    zone: string,
    after: string,
    times: string[],
  ])[] = [
    [
      'is the next minute',
      '* * * * *',
      'UTC',
      '2026-01-01T00:00:30Z',
      ['2026-01-01T00:01:00Z', '2026-01-01T00:02:00Z'],
    ],
    [
      'is not the time itself',
      '0 0 * * *',
      'UTC',
      '2026-01-01T00:00:00Z',
      ['2026-01-02T00:00:00Z'],
    ],
    ['turns the year', '30 4 1 1 *', 'UTC', '2026-06-01T00:00:00Z', ['2027-01-01T04:30:00Z']],
    [
      'waits for a leap year',
      '0 0 29 2 *',
      'UTC',
      '2026-01-01T00:00:00Z',
      ['2028-02-29T00:00:00Z'],
    ],
    ['never comes', '0 0 31 2 *', 'UTC', '2026-01-01T00:00:00Z', ['never']],
    [
      'does not look further than five years',
      '0 0 29 2 *',
      'UTC',
      '2096-03-01T00:00:00Z',
      ['never'],
    ],
    [
      'takes either of two days',
      '0 0 13 * 5',
      'UTC',
      '2026-01-01T00:00:00Z',
      ['2026-01-02T00:00:00Z', '2026-01-09T00:00:00Z', '2026-01-13T00:00:00Z'],
    ],
    [
      'takes both of a star with a step',
      '0 0 */2 * 5',
      'UTC',
      '2026-01-03T00:00:00Z',
      ['2026-01-05T00:00:00Z'],
    ],
    [
      'skips what the clocks skip',
      '30 2 * * *',
      'America/New_York',
      '2026-03-07T12:00:00Z',
      ['2026-03-09T02:30:00-04:00'],
    ],
    [
      'repeats what the clocks repeat',
      '30 1 * * *',
      'America/New_York',
      '2026-11-01T00:00:00Z',
      ['2026-11-01T01:30:00-04:00', '2026-11-01T01:30:00-05:00', '2026-11-02T01:30:00-05:00'],
    ],
    [
      'goes by the hour through both',
      '0 * * * *',
      'America/New_York',
      '2026-03-08T06:30:00Z',
      ['2026-03-08T03:00:00-04:00', '2026-03-08T04:00:00-04:00'],
    ],
    [
      'finds a day whose midnight is skipped',
      '0 5 29 3 *',
      'Asia/Beirut',
      '2026-03-01T00:00:00Z',
      ['2026-03-29T05:00:00+03:00'],
    ],
    [
      'finds one west of Greenwich too',
      '0 5 8 3 *',
      'America/Havana',
      '2026-03-01T00:00:00Z',
      ['2026-03-08T05:00:00-04:00'],
    ],
    [
      'skips a midnight that is skipped',
      '0 0 * * *',
      'Asia/Beirut',
      '2026-03-28T12:00:00Z',
      ['2026-03-30T00:00:00+03:00'],
    ],
    [
      'knows half hours',
      '15 0 5 4 *',
      'Australia/Lord_Howe',
      '2026-04-01T00:00:00Z',
      ['2026-04-05T00:15:00+11:00'],
    ],
    [
      'counts from anywhere',
      '@every 1h30m',
      'UTC',
      '2026-01-01T00:00:10.5Z',
      ['2026-01-01T01:30:10Z'],
    ],
    ['knows names', '@weekly', 'UTC', '2026-01-01T00:00:00Z', ['2026-01-04T00:00:00Z']],
  ];
  for (const [claim, schedule, zone, after, expected] of rows)
    it(`${claim}: ${schedule}`, () =>
      assert.deepEqual(times(schedule, zone, after, expected.length), expected));

  it('goes by a zone that the schedule itself names', () => {
    const table = timetableOf('TZ=Asia/Kolkata 0 0 * * *');
    assert.equal(
      table.next(Date.parse('2026-01-01T00:00:00Z')),
      Date.parse('2026-01-01T18:30:00Z'),
    );
    assert.throws(() => timetableOf('CRON_TZ=Nowhere/City 0 0 * * *'), ScheduleError);
    assert.throws(() => timetableOf('TZ=UTC'), ScheduleError);
  });

  it('counts intervals backwards too', () => {
    const table = timetableOf('@every 10s');
    assert.equal(table.last(1_500, 32_000), 31_000);
    assert.equal(table.last(1_500, 10_900), undefined);
  });
});
