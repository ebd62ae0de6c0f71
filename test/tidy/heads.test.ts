/** Every source file opens with why it exists, and generated files say what made them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sourceFiles } from './source-files.ts';

export function hasHead(text: string): boolean {
  return /^(#!.*\n)?(\/\*\*|\/\/ )/.test(text);
}

describe('heads', () => {
  it('every file begins with a comment', () => {
    const without = sourceFiles()
      .filter(({ path, text }) => !path.endsWith('.test.ts') && !hasHead(text))
      .map(({ path }) => path);
    assert.deepEqual(without, []);
  });

  it('a file that begins with an import has no head', () => {
    assert.equal(hasHead("import x from 'y';"), false);
    assert.equal(hasHead('/** Why. */\n'), true);
  });
});
