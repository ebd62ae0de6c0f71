import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PersistentMap } from './persistent-map.ts';

const byNumber = (a: number, b: number): number => a - b;
const small = fc.integer({ min: 0, max: 60 });
const steps = fc.array(fc.record({ remove: fc.boolean(), key: small }), { maxLength: 200 });

function build(list: readonly { remove: boolean; key: number }[]): {
  map: PersistentMap<number, number>;
  model: Map<number, number>;
} {
  let map = PersistentMap.empty<number, number>(byNumber);
  const model = new Map<number, number>();
  for (const [index, step] of list.entries()) {
    if (step.remove) {
      map = map.delete(step.key);
      model.delete(step.key);
    } else {
      map = map.set(step.key, index);
      model.set(step.key, index);
    }
  }
  return { map, model };
}

describe('PersistentMap', () => {
  it('holds what a Map holds, in order of the keys', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { map, model } = build(list);
        assert.deepEqual(
          [...map.entries()],
          [...model].toSorted((a, b) => a[0] - b[0]),
        );
        assert.equal(map.size, model.size);
        for (let key = 0; key <= 60; key++) assert.equal(map.get(key), model.get(key));
      }),
    );
  });

  it('finds the rank and the rest from any key', () => {
    fc.assert(
      fc.property(steps, small, (list, from) => {
        const { map, model } = build(list);
        const keys = [...model.keys()].toSorted(byNumber);
        assert.equal(map.rank(from), keys.filter((key) => key < from).length);
        assert.deepEqual(
          [...map.entries(from)].map(([key]) => key),
          keys.filter((key) => key >= from),
        );
      }),
    );
  });

  it('leaves the old map as it was', () => {
    const one = PersistentMap.empty<number, string>(byNumber).set(1, 'a');
    const two = one.set(2, 'b').set(1, 'c').delete(2);
    assert.deepEqual([...one.entries()], [[1, 'a']]);
    assert.deepEqual([...two.entries()], [[1, 'c']]);
  });

  it('stays balanced when keys come in order', () => {
    let compares = 0;
    let map = PersistentMap.empty<number, number>((a, b) => {
      compares++;
      return a - b;
    });
    for (let key = 0; key < 4096; key++) map = map.set(key, key);
    for (let key = 0; key < 2048; key++) map = map.delete(key);
    compares = 0;
    map.get(4095);
    assert.ok(compares <= 2 * Math.log2(2048) + 2, `${compares} steps for 2048 keys`);
  });
});
