import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { digestOfSources } from './sources.ts';

function digestWithChange(changed: string): string {
  return digestOfSources((path) => readFileSync(path, 'utf8') + (path === changed ? '\n' : ''));
}

describe('the digest of the sources of worlds', () => {
  it('is another one when a file that takes part changes', () => {
    const digest = digestOfSources();
    assert.match(digest, /^[0-9a-f]{12}$/);
    for (const path of [
      'src/controllers/deployment/plan.ts',
      'test/sim/jobs.ts',
      'test/kit/faults.ts',
    ])
      assert.notEqual(digestWithChange(path), digest, path);
  });

  it('stays when another file changes', () => {
    assert.equal(digestWithChange('src/kubelet/kubelet.ts'), digestOfSources());
  });
});
