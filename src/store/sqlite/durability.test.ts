import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SLOW_MS } from './log-sync.ts';
import type { Synchronous } from './schema.ts';
import { temporaryDirectory } from './test-kit.ts';

const PROGRAM = fileURLToPath(new URL('./test-writer.ts', import.meta.url));
const ROUNDS = 30;
/** A killed process keeps the page cache, so only a trace of the kernel's calls can tell. */
const noStrace = spawnSync('strace', ['-V']).error !== undefined && 'strace is not installed';

interface Verdict {
  /** Lines that told of a write. */
  told: number;
  /** Of those, how many while the log had bytes that no fsync covered. */
  early: number;
  /** Writes to the log. */
  logWrites: number;
}

/** The calls of one trace in order, each at the moment when it returned. */
function* returnedCalls(trace: string): Generator<string> {
  const unfinished = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const started = /^(.*) <unfinished \.\.\.>$/.exec(call);
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(call);
    if (started?.[1] !== undefined) unfinished.set(thread, started[1]);
    else if (resumed?.[1] !== undefined) yield (unfinished.get(thread) ?? '') + resumed[1];
    else yield call;
  }
}

function judge(trace: string): Verdict {
  const verdict: Verdict = { told: 0, early: 0, logWrites: 0 };
  let dirty = false;
  for (const call of returnedCalls(trace)) {
    const onLog = call.includes('store.db-wal>');
    if (onLog && call.startsWith('pwrite64(')) {
      dirty = true;
      verdict.logWrites++;
    }
    if (onLog && /^f(data)?sync\(.*= 0(?: \(DELAYED\))?$/.test(call)) dirty = false;
    if (/^write\(1<.*"(answer|event) /.test(call)) {
      verdict.told++;
      if (dirty) verdict.early++;
    }
  }
  return verdict;
}

/** `delayMs`: what each sync takes longer. */
async function traced(
  context: TestContext,
  synchronous: Synchronous,
  delayMs = 0,
): Promise<Verdict> {
  const directory = await temporaryDirectory(context);
  const output = join(directory, 'trace');
  const calls = 'trace=fsync,fdatasync,pwrite64,write';
  const program = [process.execPath, PROGRAM, join(directory, 'data'), synchronous, `${ROUNDS}`];
  const delay = `inject=fsync,fdatasync:delay_exit=${delayMs * 1000}`;
  const options = ['-f', '-y', '-s', '24', '-e', calls, '-e', delay, '-o', output];
  const run = spawnSync('strace', [...options, ...program]);
  assert.equal(run.status, 0, run.stderr.toString());
  return judge(readFileSync(output, 'utf8'));
}

describe('durability of the SQLite store', { skip: noStrace }, () => {
  it('syncs the log before it answers or tells a watch', async (t) => {
    const { told, early, logWrites } = await traced(t, 'FULL');
    assert.ok(told > ROUNDS && logWrites >= ROUNDS, `${told} told, ${logWrites} log writes`);
    assert.equal(early, 0, `${early} of ${told} were told before the log was synced`);
    t.diagnostic(`${told} answers and events, each behind the sync of its commit`);
  });

  it('syncs the log before it answers also where it does not wait for a slow disk', async (t) => {
    const { told, early, logWrites } = await traced(t, 'FULL', 2 * SLOW_MS);
    assert.ok(told > ROUNDS && logWrites >= ROUNDS, `${told} told, ${logWrites} log writes`);
    assert.equal(early, 0, `${early} of ${told} were told before the log was synced`);
  });

  it('is seen to fail when synchronous is OFF', async (t) => {
    const { told, early } = await traced(t, 'OFF');
    assert.ok(early > told / 2, `${early} of ${told} were told before the log was synced`);
  });
});
