import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createTar, type TarEntry } from './tar.ts';

const LONG = `${'d'.repeat(90)}/${'f'.repeat(120)}`;
const ENTRIES: TarEntry[] = [
  { kind: 'directory', path: 'd'.repeat(90), mode: 0o755 },
  { kind: 'file', path: LONG, mode: 0o640, data: Buffer.from('hello') },
  { kind: 'file', path: 'empty', mode: 0o600, data: Buffer.alloc(0) },
  { kind: 'file', path: 'block', mode: 0o755, data: Buffer.alloc(512, 'x') },
  { kind: 'symlink', path: 'link', mode: 0o777, target: '/usr/lib/é'.repeat(30) },
];

describe('createTar', () => {
  it('writes what tar(1) unpacks: long names, modes, links, sizes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tar-'));
    try {
      const run = spawnSync('tar', ['-x', '-p', '-C', folder], { input: createTar(ENTRIES) });
      assert.equal(run.stderr.toString(), '');
      assert.equal(readFileSync(join(folder, LONG), 'utf8'), 'hello');
      assert.equal(statSync(join(folder, LONG)).mode & 0o777, 0o640);
      assert.equal(statSync(join(folder, 'empty')).size, 0);
      assert.equal(statSync(join(folder, 'block')).size, 512);
      assert.equal(readlinkSync(join(folder, 'link')), '/usr/lib/é'.repeat(30));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('gives the same bytes for the same entries', () => {
    assert.deepEqual(createTar(ENTRIES), createTar(ENTRIES));
  });
});
