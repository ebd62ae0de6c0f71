import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Json, JsonObject } from '../meta/object.ts';
import { mergePatch } from './merge-patch.ts';

/** RFC 7386, appendix A: original, patch, result. */
const CASES: readonly [Json, Json, Json][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

describe('JSON merge patch', () => {
  for (const [original, patch, want] of CASES) {
    test(`${JSON.stringify(original)} with ${JSON.stringify(patch)} is ${JSON.stringify(want)}`, () => {
      const before = structuredClone(original);
      assert.deepEqual(mergePatch(original, patch), want);
      assert.deepEqual(original, before);
    });
  }

  test('no key reaches a prototype', () => {
    const patch = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"x":1}}') as JsonObject;
    const merged = mergePatch({}, patch) as JsonObject;
    assert.equal(({} as JsonObject)['polluted'], undefined);
    assert.equal(JSON.stringify(merged), '{"__proto__":{"polluted":true},"constructor":{"x":1}}');
  });

  test('a patch applied twice is the patch applied once', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (original, patch) => {
        const once = mergePatch(original as Json, patch as Json);
        assert.deepEqual(mergePatch(once, patch as Json), once);
      }),
    );
  });
});
