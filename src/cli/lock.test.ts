import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { realEnvironment } from '#edge/environment.ts';
import { type DataDirectory, dataDirectoryAt } from './data-directory.ts';
import { lockDataDirectory } from './lock.ts';
import { startTicksOf } from './supervisor.ts';
import { UserError } from './user-error.ts';

const environment = realEnvironment({ logLevel: 'error' });

describe('lockDataDirectory', {
  skip: process.platform !== 'linux' && 'start times of processes are Linux',
}, () => {
  let data: DataDirectory;
  beforeEach(() => {
    data = dataDirectoryAt(mkdtempSync(join(tmpdir(), 'lock-')));
  });
  afterEach(() => rmSync(data.path, { recursive: true }));

  it('refuses a second holder, and says whom to stop', async () => {
    const lock = await lockDataDirectory(data, environment);
    await assert.rejects(lockDataDirectory(data, environment), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, new RegExp(`process ${process.pid} .*Ctrl-C`));
      return true;
    });
    lock.release();
    (await lockDataDirectory(data, environment)).release();
    assert.equal(existsSync(join(data.path, 'lock')), false);
  });

  it('waits for a holder that is stopping', async () => {
    const first = await lockDataDirectory(data, environment);
    first.stopping();
    let waits = 0;
    const second = lockDataDirectory(data, environment, () => waits++);
    setTimeout(() => first.release(), 150);
    (await second).release();
    assert.equal(waits, 1);
  });

  it('takes over from a holder that was killed, even when its pid is somebody else now', async () => {
    const child = spawn('sleep', ['60']);
    const pid = child.pid ?? 0;
    writeFileSync(
      join(data.path, 'lock'),
      JSON.stringify({ pid, startTicks: startTicksOf(pid), stopping: false }),
    );
    await assert.rejects(lockDataDirectory(data, environment), UserError);
    writeFileSync(
      join(data.path, 'lock'),
      JSON.stringify({ pid, startTicks: '1', stopping: false }),
    );
    (await lockDataDirectory(data, environment)).release();
    child.kill('SIGKILL');
  });

  it('is not held by a file that was never finished', async () => {
    writeFileSync(join(data.path, 'lock'), '');
    (await lockDataDirectory(data, environment)).release();
  });
});
