import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstOverlap, parseIndexes } from './indexes.ts';

describe('parseIndexes()', () => {
  it('reads indexes and intervals', () => {
    const { intervals, total } = parseIndexes('1,3-5,7', 10);
    assert.equal(total, 5);
    assert.deepEqual(intervals, [
      { first: 1, last: 1 },
      { first: 3, last: 5 },
      { first: 7, last: 7 },
    ]);
    assert.equal(parseIndexes('', 10).total, 0);
  });
  for (const text of ['3,1', '1,1', '1-', '5-3', '10', 'x', '1-2-3', '1,,2']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseIndexes(text, 10)));
  }
});

describe('firstOverlap()', () => {
  const intervals = (text: string) => parseIndexes(text, 100).intervals;
  it('finds what two lists share', () => {
    assert.notEqual(firstOverlap(intervals('1-5'), intervals('5-7')), undefined);
    assert.equal(firstOverlap(intervals('1-4,9'), intervals('5-7')), undefined);
  });
});
