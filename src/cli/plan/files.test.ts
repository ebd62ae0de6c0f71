/** Which files `-f` stands for. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readTexts } from './files.ts';

describe('the files of a change', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'plan-files-'));
    mkdirSync(join(folder, 'b', 'deep'), { recursive: true });
    mkdirSync(join(folder, 'empty'));
    for (const name of ['c.yml', 'a.json', 'notes.txt', 'b/x.yaml', 'b/deep/y.yaml'])
      writeFileSync(join(folder, name), name);
  });
  after(() => rmSync(folder, { recursive: true }));

  const read = (names: readonly string[], recursive = false): string[] =>
    readTexts(
      names.map((name) => (name === '-' ? name : join(folder, name))),
      { recursive, stdin: () => 'from stdin' },
    ).map(({ text }) => text);

  it('are those of a folder, by name, and below it when asked', () => {
    assert.deepEqual(read(['.']), ['a.json', 'c.yml']);
    assert.deepEqual(read(['.'], true), ['a.json', 'b/deep/y.yaml', 'b/x.yaml', 'c.yml']);
  });

  it('are taken in the order given, whatever their names, stdin too', () => {
    assert.deepEqual(read(['notes.txt', '-', 'b']), ['notes.txt', 'from stdin', 'b/x.yaml']);
  });

  it('must be there', () => {
    assert.throws(() => read(['none']), /^UserError: the path ".*none" does not exist/);
    assert.throws(
      () => read(['empty']),
      /^UserError: error reading \[.*empty\]: recognized file extensions are \[\.json \.yaml \.yml\]/,
    );
  });
});
