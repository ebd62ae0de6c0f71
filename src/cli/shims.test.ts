/** Shims that a containerd left behind: programs that show what a shim shows, and are none. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Processes } from '#base/doors.ts';
import { ForgottenShims, shimsOf } from './shims.ts';
import { startTicksOf } from './supervisor.ts';

const skip = process.platform === 'linux' ? false : 'needs Linux';
/** Says that it runs, and does so until it is killed; what it keeps ends with it. */
const FOREVER = `require('node:child_process').spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
process.stdout.write('up'); setInterval(() => {}, 1000)`;
const EMPTY = "process.stdout.write('up'); setInterval(() => {}, 1000)";

describe('shims of a containerd', { skip }, () => {
  let folder = '';
  let children: ChildProcess[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cox-shims-'));
    children = [];
  });
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (
    id: string,
    socket = join(folder, 'a.sock'),
    program = FOREVER,
  ): Promise<ChildProcess> => {
    const flags = ['-namespace', 'k8s.io', '-address', socket, '-id', id];
    const child = spawn(process.execPath, ['-e', program, '--', ...flags], {
      argv0: '/usr/bin/containerd-shim-runc-v2',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    if (child.stdout !== null) await once(child.stdout, 'data');
    return child;
  };
  const bundleOf = (id: string): string =>
    join(folder, 'io.containerd.runtime.v2.task', 'k8s.io', id);

  it('are known by its socket', async () => {
    const { pid } = await start('one');
    await start('two', join(folder, 'b.sock'));
    assert.deepEqual(
      shimsOf(join(folder, 'a.sock')).map((shim) => [shim.pid, shim.id]),
      [[pid, 'one']],
    );
  });

  it('end when they are from before it and it has no task of theirs, with what they made', async () => {
    const [taken, lost] = [await start('taken'), await start('lost')];
    // Of the next clock tick.
    const ticks = (child: ChildProcess): number => Number(startTicksOf(child.pid ?? 0));
    let mark = await start('mark', 'no socket');
    while (ticks(mark) <= ticks(lost)) mark = await start('mark', 'no socket');
    let young = await start('young');
    while (ticks(young) <= ticks(mark)) {
      young.kill('SIGKILL');
      young = await start('young');
    }
    for (const id of ['taken', 'lost', 'young']) mkdirSync(bundleOf(id), { recursive: true });
    const ran: string[] = [];
    const processes: Processes = {
      run(command, args) {
        ran.push([command, ...args].join(' '));
        const stdout = Buffer.from(command === 'ctr' ? 'taken\nanother\n' : '');
        return Promise.resolve({ exitCode: 0, stdout, stderr: new Uint8Array() });
      },
    };
    const gone = once(lost, 'exit');
    const shims = new ForgottenShims({
      socket: join(folder, 'a.sock'),
      state: folder,
      processes,
    });
    assert.equal(await shims.removeStartedBefore(ticks(mark)), 1);
    await gone;
    assert.deepEqual([taken.exitCode, taken.signalCode, young.signalCode], [null, null, null]);
    assert.deepEqual(
      ['taken', 'lost', 'young'].map((id) => existsSync(bundleOf(id))),
      [true, false, true],
    );
    const bundle = bundleOf('lost');
    assert.deepEqual(ran.slice(1), [
      `env --chdir=${bundle} containerd-shim-runc-v2 -namespace k8s.io -address ${folder}/a.sock -bundle ${bundle} -id lost delete`,
      `umount --lazy --quiet ${bundle}/rootfs`,
    ]);
    ran.length = 0;
    assert.equal(await shims.removeStartedBefore(ticks(mark)), 0);
    assert.deepEqual(ran, [], 'all that are left are known');
    shims.distrust();
    assert.equal(await shims.removeStartedBefore(ticks(mark)), 0);
    assert.equal(ran.length, 1, 'asked again');
  });

  it('end when they had a task and have none any more, once nothing is left that they keep', async () => {
    const socket = join(folder, 'a.sock');
    const left = await start('left', socket, EMPTY);
    let tasks = 'left\n';
    const processes: Processes = {
      run: () =>
        Promise.resolve({ exitCode: 0, stdout: Buffer.from(tasks), stderr: new Uint8Array() }),
    };
    const shims = new ForgottenShims({ socket, state: folder, processes });
    const ticks = Number(startTicksOf(left.pid ?? 0));
    assert.equal(await shims.removeStartedBefore(ticks), 0);
    tasks = '';
    const gone = once(left, 'exit');
    assert.equal(await shims.removeStartedBefore(ticks), 1);
    await gone;
  });
});
