/** What is taken off the ends of a text. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { trimEndOf, trimOf } from './trim.ts';

const isDash = (character: string): boolean => character === '-';

it('the end alone, both ends, all of it, or nothing', () => {
  assert.deepEqual(
    ['', '-', '--', 'a', '-a-b--'].map((text) => trimEndOf(text, isDash)),
    ['', '', '', 'a', '-a-b'],
  );
  assert.deepEqual(
    ['', '-', '--', 'a', '-a-b--'].map((text) => trimOf(text, isDash)),
    ['', '', '', 'a', 'a-b'],
  );
});
