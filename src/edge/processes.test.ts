import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { realProcesses } from './processes.ts';

const processes = realProcesses();
const run: typeof processes.run = (...call) => processes.run(...call);

/** Empty for what is no process, or is none any more. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('realProcesses', () => {
  it('gives exit code and both outputs', async () => {
    const result = await run('sh', ['-c', 'echo out; echo err >&2; exit 3']);
    assert.deepEqual(
      [result.exitCode, text(result.stdout), text(result.stderr)],
      [3, 'out\n', 'err\n'],
    );
  });

  it('passes input, environment and directory', async () => {
    const options = { input: 'typed', environment: { WORD: 'given' }, directory: '/usr' };
    const { stdout } = await run('sh', ['-c', 'cat; echo " $WORD $PWD $HOME"'], options);
    assert.equal(text(stdout), `typed given /usr ${process.env['HOME'] ?? ''}\n`);
  });

  it('rejects for a program that cannot be started', async () => {
    await assert.rejects(run('/no/such/program', []), { code: 'ENOENT' });
  });

  it('gives 128 and the signal for a program that was killed', async () => {
    assert.equal((await run('sh', ['-c', 'kill -TERM $$'])).exitCode, 143);
  });

  it('does not mind a program that leaves its input unread', async () => {
    const { exitCode } = await run('true', [], { input: 'x'.repeat(1_000_000) });
    assert.equal(exitCode, 0);
  });

  it('kills the whole group when the time is over', async () => {
    // A time of sleep that no other test uses names the process.
    const nap = `60.${process.pid}`;
    const sleeping = (): boolean =>
      readdirSync('/proc').some((pid) => commandLine(pid) === `sleep\0${nap}\0`);
    const script = `sleep ${nap} & sleep ${nap}`;
    await assert.rejects(run('sh', ['-c', script], { timeoutMs: 300 }), /longer than 300 ms/);
    // The kernel may take a moment to bury them.
    while (sleeping()) await new Promise((resolve) => setImmediate(resolve));
  });

  it('kills a program that says too much', async () => {
    await assert.rejects(run('yes', [], { outputMaxBytes: 10_000 }), RangeError);
  });
});
