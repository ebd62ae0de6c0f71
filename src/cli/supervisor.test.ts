/** The supervisor with real processes: sleepers that stand for those of a cluster. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { realEnvironment } from '#edge/environment.ts';
import { type ManagedProcess, startTicksOf, Supervisor } from './supervisor.ts';

const environment = realEnvironment({ write: () => {} });
const SLEEPER: ManagedProcess = { name: 'sleeper', command: 'sleep', args: ['600'] };

async function until(what: string, condition: () => boolean, withinMs = 2_000): Promise<number> {
  const startedMs = performance.now();
  while (!condition()) {
    assert.ok(performance.now() - startedMs < withinMs, `not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - startedMs;
}

const isAlive = (pid: number | undefined): boolean =>
  pid !== undefined && startTicksOf(pid) !== undefined;

describe('Supervisor', {
  skip: process.platform !== 'linux' && 'start times of processes are Linux',
}, () => {
  let folder = '';
  const folders: string[] = [];
  const supervisors: Supervisor[] = [];
  const make = (): Supervisor => {
    const supervisor = new Supervisor({ environment, directory: { run: folder, logs: folder } });
    supervisors.push(supervisor);
    return supervisor;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'supervisor-'));
    folders.push(folder);
  });
  afterEach(async () => {
    for (const supervisor of supervisors.splice(0)) {
      supervisor.beginShutdown();
      await supervisor.stop(SLEEPER.name, { graceMs: 0 });
    }
  });
  after(() => {
    for (const path of folders) rmSync(path, { recursive: true });
  });

  it('starts what dies again within two seconds', async () => {
    const supervisor = make();
    supervisor.start(SLEEPER);
    const first = supervisor.pidOf('sleeper');
    process.kill(first ?? 0, 'SIGKILL');
    await until(
      'another process',
      () => isAlive(supervisor.pidOf('sleeper')) && supervisor.pidOf('sleeper') !== first,
    );
  });

  it('prepares what it starts again, as often as it takes, and not what it starts first', async () => {
    const supervisor = make();
    let prepared = 0;
    const beforeRestart = async (): Promise<void> => {
      prepared++;
      if (prepared === 1) throw new Error('not yet');
    };
    supervisor.start({ ...SLEEPER, beforeRestart });
    const first = supervisor.pidOf('sleeper');
    assert.equal(prepared, 0);
    supervisor.kill('sleeper');
    await until(
      'another process',
      () => isAlive(supervisor.pidOf('sleeper')) && supervisor.pidOf('sleeper') !== first,
    );
    assert.equal(prepared, 2);
  });

  it('takes over what an earlier supervisor started, and keeps it alive', async () => {
    const first = make();
    assert.equal(first.start(SLEEPER), false);
    first.beginShutdown();
    const second = make();
    assert.equal(second.start(SLEEPER), true);
    const pid = second.pidOf('sleeper');
    assert.equal(pid, first.pidOf('sleeper'));
    process.kill(pid ?? 0, 'SIGKILL');
    await until(
      'another process',
      () => isAlive(second.pidOf('sleeper')) && second.pidOf('sleeper') !== pid,
    );
  });

  it('does not take a stranger with a recycled pid for its own', () => {
    writeFileSync(
      join(folder, 'sleeper.pid'),
      JSON.stringify({ pid: process.pid, startTicks: '1' }),
    );
    const supervisor = make();
    assert.equal(supervisor.start(SLEEPER), false);
    assert.notEqual(supervisor.pidOf('sleeper'), process.pid);
  });

  it('stops for good, by force when asking does not help', async () => {
    const supervisor = make();
    const deaf = {
      ...SLEEPER,
      command: 'sh',
      args: ['-c', 'trap "" TERM; echo deaf; while :; do sleep 1; done'],
    };
    supervisor.start(deaf);
    const pid = supervisor.pidOf('sleeper');
    await until('the trap is set', () =>
      readFileSync(join(folder, 'sleeper.log'), 'utf8').includes('deaf'),
    );
    await supervisor.stop('sleeper', { graceMs: 100 });
    assert.equal(isAlive(pid), false);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(supervisor.pidOf('sleeper'), undefined);
  });

  it('lets its processes live in a session of their own', () => {
    const supervisor = make();
    supervisor.start(SLEEPER);
    const stat = readFileSync(`/proc/${supervisor.pidOf('sleeper')}/stat`, 'utf8');
    const session = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
    assert.equal(session, supervisor.pidOf('sleeper'));
  });
});
