/** Sets of indexes against plain sets of numbers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  has,
  intervalsOf,
  intervalsText,
  merge,
  overlap,
  readIntervals,
  total,
} from './intervals.ts';

const indexes = fc.uniqueArray(fc.nat(30));
const sorted = (set: Iterable<number>): number[] => [...set].sort((a, b) => a - b);

describe('intervals', () => {
  it('are written with neighbours as two, and longer runs with a hyphen', () => {
    assert.equal(intervalsText(intervalsOf([7, 0, 2, 3, 6, 5])), '0,2,3,5-7');
    assert.equal(intervalsText([]), '');
  });

  it('say what a set of the same numbers says', () => {
    fc.assert(
      fc.property(indexes, indexes, (a, b) => {
        const [setA, setB] = [new Set(a), new Set(b)];
        const both = merge(intervalsOf(a), intervalsOf(b));
        assert.deepEqual(both, intervalsOf(setA.union(setB)));
        assert.equal(total(both), setA.union(setB).size);
        assert.equal(overlap(intervalsOf(a), intervalsOf(b)), setA.intersection(setB).size);
        for (let index = 0; index <= 31; index++)
          assert.equal(has(intervalsOf(a), index), setA.has(index));
      }),
    );
  });

  it('are read as they were written, cut off at the completions', () => {
    fc.assert(
      fc.property(indexes, fc.nat(31), (a, completions) => {
        const kept = sorted(a).filter((index) => index < completions);
        assert.deepEqual(
          readIntervals(intervalsText(intervalsOf(a)), completions),
          intervalsOf(kept),
        );
      }),
    );
  });

  it('are read as far as they can be', () => {
    assert.deepEqual(readIntervals('1,x,3-y,5-6', 10), intervalsOf([1, 5, 6]));
  });
});
