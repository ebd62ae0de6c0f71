/** Nothing unfinished is checked in: what is not built is absent and listed in docs/scope.md. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sourceFiles } from './source-files.ts';

const MARKERS = /\b(TODO|FIXME|XXX|HACK)\b|not implemented/;

describe('markers', () => {
  it('no source file holds a marker of unfinished work', () => {
    const found = sourceFiles().flatMap(({ path, text }) => (MARKERS.test(text) ? [path] : []));
    assert.deepEqual(found, []);
  });
});
