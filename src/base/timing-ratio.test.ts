import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TimingRatio } from './timing-ratio.ts';

const MS = 1e6;

describe('TimingRatio', () => {
  it('counts the nanoseconds from its begin until it is read', () => {
    const ratio = new TimingRatio([0, 1], 1000);
    assert.deepEqual(ratio.until(1000), { counts: [0, 0, 0], sum: 0, count: 0 });
    assert.deepEqual(ratio.until(1002.5), { counts: [2.5 * MS, 0, 0], sum: 0, count: 2.5 * MS });
    assert.equal(ratio.until(1002.5).count, 2.5 * MS);
  });

  it('counts each value for as long as it was there, a limit in its own bucket', () => {
    const ratio = new TimingRatio([0, 0.5, 1], 0);
    ratio.setDenominator(4, 0);
    ratio.set(2, 10);
    ratio.add(1, 30);
    ratio.add(3, 70);
    ratio.set(0, 150);
    assert.equal(ratio.numerator, 0);
    assert.deepEqual(ratio.until(155), {
      counts: [15 * MS, 20 * MS, 40 * MS, 80 * MS],
      sum: (0.5 * 20 + 0.75 * 40 + 1.5 * 80) * MS,
      count: 155 * MS,
    });
  });

  it('goes by the denominator of each time', () => {
    const ratio = new TimingRatio([0.25, 0.5], 0);
    ratio.set(1, 0);
    ratio.setDenominator(2, 10);
    ratio.setDenominator(4, 30);
    assert.deepEqual(ratio.until(70), {
      counts: [40 * MS, 20 * MS, 10 * MS],
      sum: (10 + 10 + 10) * MS,
      count: 70 * MS,
    });
  });

  it('counts nothing of a value that is gone at once', () => {
    const ratio = new TimingRatio([0], 0);
    ratio.set(5, 10);
    ratio.set(0, 10);
    assert.deepEqual(ratio.until(20), { counts: [20 * MS, 0], sum: 0, count: 20 * MS });
  });

  it('counts no time twice where a change is told late', () => {
    const ratio = new TimingRatio([0], 0);
    ratio.set(1, 10);
    ratio.set(0, 4);
    assert.deepEqual(ratio.until(20), { counts: [20 * MS, 0], sum: 0, count: 20 * MS });
  });

  it('loses no nanosecond of many short times', () => {
    const ratio = new TimingRatio([0, 1], 0);
    ratio.setDenominator(3, 0);
    for (let i = 1; i <= 100_000; i++) ratio.set(i % 2, i / 3);
    const { counts, sum, count } = ratio.until(40_000);
    assert.equal(count, 40_000 * MS);
    // Half of the 33.3 s in which it changed: to a nanosecond for each change.
    const [zero = 0, one = 0] = counts;
    assert.equal(zero + one, count);
    assert.ok(Number.isInteger(one), `${one}`);
    assert.ok(Math.abs(one - (100_000 * MS) / 6) < 100_000, `${one}`);
    assert.equal(sum, one / 3);
  });
});
