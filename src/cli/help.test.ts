import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');

describe('help.txt', () => {
  it('is what `cox up --help` prints (write it anew: node bin/cox.ts up --help > src/cli/help.txt)', () => {
    const { stdout } = spawnSync(process.execPath, [join(ROOT, 'bin', 'cox.ts'), 'up', '--help'], {
      encoding: 'utf8',
      env: { ...process.env, XDG_DATA_HOME: '/anywhere' },
    });
    assert.equal(stdout, readFileSync(join(import.meta.dirname, 'help.txt'), 'utf8'));
  });
});
