/** Medians, quantiles and what a process uses. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  median,
  parseProportionalMegabytes,
  parseResidentMegabytes,
  quantile,
  usageOf,
} from './measure.ts';

describe('median', () => {
  it('is the value in the middle, whatever the order', () => {
    assert.equal(median([9, 1, 5]), 5);
  });

  it('of an even number of values is the mean of the two in the middle', () => {
    assert.equal(median([1, 10, 2, 4]), 3);
  });
});

describe('quantile', () => {
  it('is the smallest value that has the asked part of the values below or at it', () => {
    const values = Array.from({ length: 10 }, (_, i) => 10 - i);
    assert.deepEqual(
      [0, 0.5, 0.9, 0.91, 1].map((q) => quantile(values, q)),
      [1, 5, 9, 10, 10],
    );
  });

  it('of no values is no number', () => {
    assert.ok(Number.isNaN(quantile([], 0.5)));
  });
});

describe('usage of processes', () => {
  it('resident memory is read in kB and told in MB', () => {
    assert.equal(parseResidentMegabytes('Name:\tx\nVmHWM:\t  9999 kB\nVmRSS:\t  2048 kB\n'), 2);
  });

  it('what it shares is counted in parts', () => {
    const text = 'Rss:  4096 kB\nPss:  2048 kB\nPss_Anon: 1024 kB\n';
    assert.equal(parseProportionalMegabytes(text), 2);
  });

  const skip = process.platform === 'linux' ? false : 'there is no /proc';
  it('processor time grows with work', { skip }, () => {
    const before = usageOf([process.pid]).cpuSeconds;
    const until = performance.now() + 30;
    while (performance.now() < until);
    const used = usageOf([process.pid]).cpuSeconds - before;
    assert.ok(used > 0.005 && used < 5, String(used));
  });
});
