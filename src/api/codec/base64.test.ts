import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { base64Problem } from './base64.ts';

describe('what is no base64', () => {
  const cases: readonly (readonly [text: string, position: number | undefined])[] = [
    ['', undefined],
    ['aGVsbG8=', undefined],
    ['aGVs\nbG8=', undefined],
    ['aA==', undefined],
    ['!', 0],
    ['aGVsbG8=x', 8],
    ['aGVsb', 4],
    ['aGVsbG8', 4],
    ['aA=', 3],
    ['aA=x', 2],
    ['a===', 1],
    ['aGVs bG8=', 4],
  ];
  for (const [text, position] of cases) {
    it(`is told where Go stops: ${JSON.stringify(text)}`, () => {
      const problem =
        position === undefined ? undefined : `illegal base64 data at input byte ${position}`;
      assert.equal(base64Problem(text), problem);
    });
  }

  it('needs no padding in the alphabet of URLs', () => {
    assert.equal(base64Problem('aGVsbG8', { url: true }), undefined);
    assert.equal(base64Problem('x', { url: true }), 'illegal base64 data at input byte 0');
    assert.equal(base64Problem('aGVsbG8=', { url: true }), 'illegal base64 data at input byte 7');
  });
});
