import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TokenBucket } from './token-bucket.ts';

function make(perSecond: number, burst: number) {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  return { clock, bucket: new TokenBucket({ perSecond, burst }, clock) };
}

describe('TokenBucket', () => {
  it('gives a burst, and then so many each second', () => {
    const { clock, bucket } = make(2, 3);
    const taken = (): number => {
      let count = 0;
      while (bucket.tryTake()) count++;
      return count;
    };
    assert.equal(taken(), 3);
    clock.nowMs = 499;
    assert.equal(taken(), 0);
    clock.nowMs = 1000;
    assert.equal(taken(), 2);
    clock.nowMs = 1_000_000;
    assert.equal(taken(), 3);
  });

  it('says how long the next one takes, one after the other', () => {
    const { clock, bucket } = make(10, 2);
    assert.deepEqual(
      [bucket.take(), bucket.take(), bucket.take(), bucket.take()],
      [0, 0, 100, 200],
    );
    clock.nowMs = 200;
    assert.equal(bucket.take(), 100);
  });
});
