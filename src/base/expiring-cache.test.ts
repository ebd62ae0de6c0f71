import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ExpiringCache } from './expiring-cache.ts';

describe('a cache whose entries end', () => {
  it('forgets an entry when its time is over, and not before', () => {
    let now = 100;
    const cache = new ExpiringCache<string>(2, () => now);
    cache.set('a', 'A', 10);
    now = 109;
    assert.equal(cache.get('a'), 'A');
    now = 110;
    assert.equal(cache.get('a'), undefined);
    now = 105;
    assert.equal(cache.get('a'), undefined);
  });

  it('keeps nothing for no time, and forgets what was there before', () => {
    const cache = new ExpiringCache<string>(2, () => 0);
    cache.set('a', 'A', 10);
    cache.set('a', 'B', 0);
    assert.equal(cache.get('a'), undefined);
  });

  it('makes room by the one that was used longest ago', () => {
    const cache = new ExpiringCache<string>(2, () => 0);
    cache.set('a', 'A', 10);
    cache.set('b', 'B', 10);
    cache.get('a');
    cache.set('c', 'C', 10);
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => cache.get(key)),
      ['A', undefined, 'C'],
    );
    cache.clear();
    assert.equal(cache.get('a'), undefined);
  });
});
