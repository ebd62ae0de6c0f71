import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shuffled } from './shuffle.ts';
import { SeededRandom } from './virtual/seeded-random.ts';

describe('shuffled', () => {
  it('gives every order of the rest, as often as the others, and leaves the list alone', () => {
    const random = new SeededRandom(1);
    const list = ['first', 'a', 'b', 'c'];
    const counts = new Map<string, number>();
    for (let i = 0; i < 6_000; i++) {
      const order = shuffled(list, random, 1).join(' ');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    assert.equal(counts.size, 6);
    for (const [order, count] of counts) {
      assert.ok(order.startsWith('first '), order);
      assert.ok(count > 850 && count < 1_150, `${order}: ${count}`);
    }
    assert.deepEqual(list, ['first', 'a', 'b', 'c']);
    assert.deepEqual(shuffled([], random), []);
  });
});
