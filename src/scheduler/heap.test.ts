import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { Heap } from './heap.ts';

describe('Heap', () => {
  it('gives what was put in, in order', () => {
    const random = new SeededRandom(7);
    const numbers = Array.from({ length: 500 }, () => Math.floor(random.next() * 100));
    const heap = new Heap<number>((left, right) => left < right);
    for (const number of numbers) heap.push(number);
    assert.equal(heap.peek(), Math.min(...numbers));
    const out: number[] = [];
    for (let next = heap.pop(); next !== undefined; next = heap.pop()) out.push(next);
    assert.deepEqual(
      out,
      numbers.toSorted((left, right) => left - right),
    );
  });
});
