import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { humanDuration, timeSince } from './duration.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('humanDuration()', () => {
  const TABLE: readonly (readonly [number, string])[] = [
    [-2 * SECOND, '<invalid>'],
    [-SECOND, '0s'],
    [0, '0s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [2 * MINUTE + SECOND, '2m1s'],
    [9 * MINUTE + 59 * SECOND, '9m59s'],
    [10 * MINUTE + 59 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR, '3h'],
    [3 * HOUR + MINUTE, '3h1m'],
    [8 * HOUR + 5 * MINUTE, '8h'],
    [47 * HOUR, '47h'],
    [2 * DAY, '2d'],
    [2 * DAY + HOUR, '2d1h'],
    [8 * DAY + HOUR, '8d'],
    [729 * DAY, '729d'],
    [2 * 365 * DAY, '2y'],
    [2 * 365 * DAY + 10 * DAY, '2y10d'],
    [9 * 365 * DAY, '9y'],
  ];
  for (const [ms, text] of TABLE) {
    it(`is ${text} for ${ms} ms`, () => assert.equal(humanDuration(ms), text));
  }
});

describe('timeSince()', () => {
  it('is unknown for no time', () => assert.equal(timeSince(undefined, 0), '<unknown>'));
  it('counts from the time to now', () => {
    assert.equal(timeSince('1970-01-01T00:00:00Z', 5 * MINUTE), '5m');
  });
});
