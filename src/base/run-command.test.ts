import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Processes } from './doors.ts';
import { runCommand } from './run-command.ts';

function saying(exitCode: number, stdout: string, stderr: string): Processes {
  return {
    run: () =>
      Promise.resolve({ exitCode, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr) }),
  };
}

describe('runCommand', () => {
  it('gives what the program printed, or fails with what it said', async () => {
    assert.equal(await runCommand(saying(0, 'out\n', 'note'), 'ip', ['route']), 'out\n');
    await assert.rejects(runCommand(saying(2, '', 'RTNETLINK: no\n'), 'ip', ['route', 'x']), {
      message: 'Cannot run ip route x: RTNETLINK: no',
    });
    await assert.rejects(runCommand(saying(1, '', 'x'.repeat(5_000)), 'nft', []), {
      message: `Cannot run nft : ${'x'.repeat(1_000)}`,
    });
  });
});
