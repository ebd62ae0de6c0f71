import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { warningHeader } from './warnings.ts';

describe('the header of warnings', () => {
  it('quotes what would end a text', () => {
    assert.equal(warningHeader(['a "b"\n']), '299 - "a \\"b\\" "');
  });

  it('has all warnings as they are while they fit', () => {
    const texts = Array.from({ length: 16 }, (_, i) => String(i % 10).repeat(256));
    assert.equal(warningHeader(texts), texts.map((text) => `299 - "${text}"`).join(', '));
  });

  it('cuts each short when they do not fit, and tells no more than it must', () => {
    const texts = Array.from({ length: 40 }, (_, i) => String(i % 10).repeat(1000));
    const items = warningHeader(texts).split(', ');
    assert.equal(items.length, 16);
    assert.equal(items[0], `299 - "${'0'.repeat(256)}"`);
  });
});
