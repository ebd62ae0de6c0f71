import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { elements } from './der-reader.ts';
import { octetString } from './der.ts';

describe('elements', () => {
  it('are as long as they say', () => {
    for (const length of [0, 1, 127, 128, 129, 255, 256, 65_536]) {
      const found = elements(
        Buffer.concat([octetString(Buffer.alloc(length, 7)), octetString(Buffer.from('x'))]),
      );
      assert.deepEqual(
        found.map(({ tag, content }) => [tag, content.length]),
        [
          [4, length],
          [4, 1],
        ],
      );
    }
  });
  it('are whole, and say their length', () => {
    for (const hex of ['04', '0402ff', '0480ff0000', '0485'])
      assert.throws(() => elements(Buffer.from(hex, 'hex')), /truncated data|malformed length/);
  });
});
