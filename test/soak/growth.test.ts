import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { growthOf } from './growth.ts';

function rounds(name: string, values: readonly number[]): ReadonlyMap<string, number>[] {
  return values.map((value) => new Map([[name, value]]));
}

describe('growth from round to round', () => {
  it('is what is higher than in the first rounds', () => {
    const found = growthOf(rounds('node 1: mounts', [30, 31, 31, 31, 31, 31, 32]));
    assert.deepEqual(found, [{ name: 'node 1: mounts', before: 31, after: 32 }]);
  });

  it('is not what came in the first rounds and stayed', () => {
    assert.deepEqual(growthOf(rounds('node 1: mounts', [30, 31, 35, 31, 32, 35, 35])), []);
  });

  it('is not a few threads more', () => {
    const name = 'control plane, threads';
    assert.deepEqual(growthOf(rounds(name, [11, 11, 11, 11, 11, 16])), []);
    assert.equal(growthOf(rounds(name, [11, 11, 11, 11, 11, 17])).length, 1);
  });

  it('is memory that goes on to grow by more than a tenth', () => {
    const name = 'control plane, MB';
    assert.deepEqual(growthOf(rounds(name, [50, 90, 100, 110, 108, 112])), []);
    assert.deepEqual(growthOf(rounds(name, [50, 90, 100, 100, 112, 114])), [
      { name, before: 100, after: 113 },
    ]);
  });
});
