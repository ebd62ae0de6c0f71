import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  dataDirectoryAt,
  defaultDataDirectory,
  prepareDataDirectory,
  resetDataDirectory,
} from './data-directory.ts';
import { UserError } from './user-error.ts';

function userError(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof UserError && pattern.test(error.message);
}

describe('the data directory', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'data-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is for its owner alone', () => {
    const data = dataDirectoryAt(join(folder, 'new'));
    prepareDataDirectory(data);
    for (const path of [data.path, data.pki, data.store, data.logs])
      assert.equal(statSync(path).mode & 0o777, 0o700, path);
  });

  it('can be prepared again', () => {
    const data = dataDirectoryAt(folder);
    prepareDataDirectory(data);
    prepareDataDirectory(data);
  });

  it('of another version is refused with what to do', () => {
    const data = dataDirectoryAt(folder);
    prepareDataDirectory(data);
    writeFileSync(join(folder, 'version'), '99\n');
    assert.throws(
      () => prepareDataDirectory(data),
      userError(/version 99.*version 1.*--data-dir.*--reset/),
    );
    rmSync(join(folder, 'version'));
    assert.throws(() => prepareDataDirectory(data), userError(/version unknown/));
  });

  it('that is a file is refused with what to do', () => {
    writeFileSync(join(folder, 'file'), '');
    assert.throws(
      () => prepareDataDirectory(dataDirectoryAt(join(folder, 'file', 'x'))),
      userError(/ENOTDIR.*--data-dir/),
    );
  });

  it('loses its state by a reset, but neither built images nor files of somebody else', () => {
    const data = dataDirectoryAt(folder);
    prepareDataDirectory(data);
    writeFileSync(join(data.images, 'x.tar'), '');
    mkdirSync(join(folder, 'photos'));
    resetDataDirectory(data);
    const left = ['images', 'photos', 'store', 'pki', 'version'].filter((name) =>
      existsSync(join(folder, name)),
    );
    assert.deepEqual(left, ['images', 'photos']);
    prepareDataDirectory(data);
  });

  it('gives sockets a path that is short enough', () => {
    const data = dataDirectoryAt(join(folder, 'x'.repeat(200)));
    assert.ok(
      join(data.runtimePath, 'containerd', 'io.containerd.grpc.v1.cri', 'a.sock').length < 108,
    );
    assert.notEqual(dataDirectoryAt('/a').hash, dataDirectoryAt('/b').hash);
  });

  it('lies in the data home of the user', () => {
    assert.equal(defaultDataDirectory({ XDG_DATA_HOME: '/d' }), '/d/coxswain');
    assert.match(defaultDataDirectory({}), /\.local\/share\/coxswain$/);
  });
});
