import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { dataDirectoryAt } from './data-directory.ts';
import { nameOwner, refuseSecondCluster } from './other-clusters.ts';
import { UserError } from './user-error.ts';

describe('another cluster with a real node', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'clusters-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function cluster(path: string) {
    const data = dataDirectoryAt(path);
    const runtimePath = join(folder, data.hash);
    mkdirSync(runtimePath);
    return { ...data, runtimePath };
  }

  it('is none when there are other interfaces, or our own bridge', () => {
    const own = cluster('/own');
    refuseSecondCluster(own, ['lo', 'eth0', 'docker0', `cox${own.hash}b`, `cox${own.hash}d`]);
  });

  it('is refused by its data directory, with what to do', () => {
    const other = cluster('/other');
    nameOwner(other);
    assert.throws(
      () => refuseSecondCluster(cluster('/own'), ['lo', `cox${other.hash}b`]),
      (error) =>
        error instanceof UserError &&
        /that of \/other\. Stop it .*--data-dir \/other.*--simulated-nodes/.test(error.message),
    );
  });

  it('is refused when nobody knows whose it is', () => {
    assert.throws(
      () => refuseSecondCluster(cluster('/own'), ['coxabcdefb']),
      /interface coxabcdefb.*unknown data directory/,
    );
  });
});
