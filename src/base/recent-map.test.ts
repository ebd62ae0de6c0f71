import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecentMap } from './recent-map.ts';

describe('RecentMap', () => {
  const all = (map: RecentMap<string, number>): unknown[] =>
    ['a', 'b', 'c'].map((key) => map.get(key));

  it('forgets what was asked for longest ago', () => {
    const map = new RecentMap<string, number>(2);
    map.set('a', 1);
    map.set('b', 2);
    assert.equal(map.get('a'), 1);
    map.set('c', 3);
    assert.deepEqual(all(map), [1, undefined, 3]);
  });

  it('has room for a new value of what it knows', () => {
    const map = new RecentMap<string, number>(2);
    map.set('a', 1);
    map.set('b', 2);
    map.set('b', 4);
    assert.deepEqual(all(map), [1, 4, undefined]);
    map.delete('a');
    map.set('c', 3);
    assert.deepEqual(all(map), [undefined, 4, 3]);
  });
});
