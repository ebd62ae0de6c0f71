import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkKey, compareKeys, prefixEnd } from './keys.ts';

const text = fc.string({ unit: 'binary', maxLength: 6 });
const bytes = (key: string): Buffer => Buffer.from(key, 'utf8');

describe('compareKeys', () => {
  it('orders as the UTF-8 bytes do', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(bytes(a), bytes(b)));
      }),
    );
    assert.ok(compareKeys('/a/\u{1F600}', '/a/\uFFFD') > 0);
  });
});

describe('prefixEnd', () => {
  it('is behind every key with the prefix and before every other later key', () => {
    fc.assert(
      fc.property(text, text, (prefix, key) => {
        const end = prefixEnd(prefix);
        const inside =
          compareKeys(key, prefix) >= 0 && (end === undefined || compareKeys(key, end) < 0);
        assert.equal(inside, key.startsWith(prefix));
        if (end !== undefined) assert.ok(compareKeys(prefix + key, end) < 0);
      }),
    );
  });

  it('steps over the surrogates', () => assert.equal(prefixEnd('a\uD7FF'), 'a\uE000'));
  it('is absent for what has nothing behind it', () => {
    assert.equal(prefixEnd(''), undefined);
    assert.equal(prefixEnd('\u{10FFFF}'), undefined);
    assert.equal(prefixEnd('a\u{10FFFF}'), 'b');
  });
});

describe('checkKey', () => {
  for (const key of ['', 'a\0b', '\uD800', 'x'.repeat(4097)]) {
    it(`refuses ${JSON.stringify(key.slice(0, 8))} (${key.length} units)`, () => {
      assert.throws(() => checkKey(key), RangeError);
    });
  }
  it('takes a key as Kubernetes writes it', () => checkKey('/registry/pods/default/web-0'));
});
