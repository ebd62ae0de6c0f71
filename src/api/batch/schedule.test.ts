import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSchedule, ScheduleError } from './schedule.ts';

function schedule(text: string): Exclude<ReturnType<typeof parseSchedule>, { everyMs: number }> {
  const parsed = parseSchedule(text);
  assert.ok(!('everyMs' in parsed));
  return parsed;
}

describe('parseSchedule()', () => {
  it('reads lists, ranges, steps and names', () => {
    const parsed = schedule('0,30 8-10 */10 jan,MAR 1-5');
    assert.deepEqual([...parsed.minutes], [0, 30]);
    assert.deepEqual([...parsed.hours], [8, 9, 10]);
    assert.deepEqual([...parsed.daysOfMonth], [1, 11, 21, 31]);
    assert.deepEqual([...parsed.months], [1, 3]);
    assert.deepEqual([...parsed.daysOfWeek], [1, 2, 3, 4, 5]);
  });
  it('goes on to the end of the range from a number with a step', () => {
    assert.deepEqual([...schedule('50/4 * * * *').minutes], [50, 54, 58]);
  });
  it('knows which day field says nothing', () => {
    const parsed = schedule('0 0 1 * *');
    assert.deepEqual([parsed.anyDayOfMonth, parsed.anyDayOfWeek], [false, true]);
  });
  it('takes descriptors', () => {
    assert.deepEqual([...schedule('@weekly').daysOfWeek], [0]);
    assert.deepEqual(parseSchedule('@every 1h30m'), { everyMs: 5_400_000 });
    assert.deepEqual(parseSchedule('@every 10ms'), { everyMs: 1000 });
    assert.deepEqual(parseSchedule('@every 1.5h2500ms'), { everyMs: 5_402_000 });
    assert.deepEqual(parseSchedule('@every -1h'), { everyMs: 1000 });
  });
  const WRONG: readonly (readonly [string, string])[] = [
    ['', 'empty spec string'],
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['@often', 'unrecognized descriptor: @often'],
    ['@every soon', 'failed to parse duration @every soon: time: invalid duration "soon"'],
    ['@every 1d', 'failed to parse duration @every 1d: time: unknown unit "d" in duration "1d"'],
    ['@every 90', 'failed to parse duration @every 90: time: missing unit in duration "90"'],
    ['60 * 0 * *', 'end of range (60) above maximum (59): 60'],
  ];
  for (const [text, message] of WRONG) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseSchedule(text),
        (error: Error) => {
          assert.ok(error instanceof ScheduleError);
          assert.equal(error.message, message);
          return true;
        },
      );
    });
  }
});
