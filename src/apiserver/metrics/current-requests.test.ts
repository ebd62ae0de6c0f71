import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestCount } from './current-requests.ts';

describe('the most requests at a time', () => {
  it('are those of the last whole second', () => {
    const count = new RequestCount(0);
    count.add(1, 100);
    count.add(2, 200);
    count.add(-2, 300);
    assert.equal(count.peak(999), 0);
    assert.equal(count.peak(1000), 3);
    assert.equal(count.peak(1999), 3);
    assert.equal(count.peak(2000), 1, 'one runs on');
  });

  it('are those that have run all the time where nothing has changed for long', () => {
    const count = new RequestCount(0);
    count.set(5, 100);
    count.set(2, 200);
    assert.equal(count.peak(60_000), 2);
  });

  it('count what ran when the second began', () => {
    const count = new RequestCount(0);
    count.set(5, 100);
    count.set(0, 1100);
    assert.equal(count.peak(2000), 5);
    assert.equal(count.peak(3000), 0);
  });

  it('do not go back with a time from before', () => {
    const count = new RequestCount(5000);
    count.set(1, 4990);
    assert.equal(count.peak(6000), 1);
    assert.equal(count.peak(7000), 1);
  });
});
