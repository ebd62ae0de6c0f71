import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equalJson, equalValues } from './equal.ts';

const WITH_PROTO: unknown = JSON.parse('{"__proto__":{"a":1}}');

describe('equalJson() and equalValues()', () => {
  const rows: readonly (readonly [
    claim: string,
    left: unknown,
    right: unknown,
    json: boolean,
    values: boolean,
  ])[] = [
    ['the same scalars', 1, 1, true, true],
    ['other scalars', 1, '1', false, false],
    ['false and zero', false, 0, false, false],
    ['keys in another order', { a: 1, b: [2] }, { b: [2], a: 1 }, true, true],
    ['a changed member', { a: { b: 1 } }, { a: { b: 2 } }, false, false],
    ['a member that is undefined', { a: 1, b: undefined }, { a: 1 }, true, true],
    ['one more member', { a: 1 }, { a: 1, b: 2 }, false, false],
    ['as many members under other keys', { a: 1 }, { b: 1 }, false, false],
    ['lists in another order', [1, 2], [2, 1], false, false],
    ['a list that is longer', [1], [1, 2], false, false],
    ['a list and a map', ['a'], { 0: 'a' }, false, false],
    ['a map and a list', { 0: 'a' }, ['a'], false, false],
    ['null and absent', { a: null }, {}, false, true],
    ['the empty text and absent', { a: '' }, {}, false, true],
    ['an empty list and absent', {}, { a: [] }, false, true],
    ['an empty map and absent', {}, { a: {} }, false, true],
    ['an empty map and an empty list', {}, [], false, true],
    ['a map with nothing in it and null', { a: undefined }, null, false, true],
    ['a map with an empty member and absent', { a: { b: '' } }, {}, false, false],
    ['zero and absent', { a: 0 }, {}, false, false],
    ['a member called __proto__ and none', WITH_PROTO, {}, false, false],
    [
      'an empty member called __proto__ and another',
      JSON.parse('{"__proto__":{}}'),
      { b: 1 },
      false,
      false,
    ],
    ['a member called __proto__ and an inherited one', {}, WITH_PROTO, false, false],
  ];
  for (const [claim, left, right, json, values] of rows) {
    it(`says of ${claim}: ${json}, ${values}`, () => {
      assert.deepEqual([equalJson(left, right), equalValues(left, right)], [json, values]);
      assert.deepEqual([equalJson(right, left), equalValues(right, left)], [json, values]);
    });
  }
});
