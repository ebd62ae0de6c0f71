/** The mutants fit the sources as they are. `npm run mutants` shows that they are found. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CASTS } from '../casts.ts';
import { bundleOf } from '../../tidy/bundle.ts';
import { COPIED, editsOf, mutated } from './apply.ts';
import { MUTANTS } from './list.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

describe('mutants', () => {
  for (const mutant of MUTANTS) {
    it(`${mutant.name} fits ${mutant.file}`, () => {
      for (const edit of editsOf(mutant)) {
        const text = readFileSync(join(ROOT, edit.file), 'utf8');
        assert.notEqual(mutated(edit, text), text);
      }
      const names = CASTS.map(({ name }) => name);
      for (const cast of mutant.casts) assert.ok(names.includes(cast), cast);
      assert.match(mutant.report, /^[\w-]+\/[\w-]+#\d+$/);
    });
  }

  it('are put into copies that have all that worlds are run with', () => {
    const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
    const { files } = bundleOf(['scripts/sim.ts'], { get: read });
    const missing = [...files].filter(
      (file) => !COPIED.some((path) => file === path || file.startsWith(`${path}/`)),
    );
    assert.deepEqual(missing, []);
  });

  it('have names of their own', () => {
    assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  });
});
