import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import {
  addHistoryFlags,
  durationOf,
  type HistoryFlags,
  historyPolicyOf,
  sizeOf,
} from './history-flags.ts';

function policyOf(...args: string[]) {
  const command = addHistoryFlags(new Command()).exitOverride();
  return historyPolicyOf(command.parse(args, { from: 'user' }).opts<HistoryFlags>());
}

describe('the flags of the history', () => {
  it('say what was asked for and nothing else', () => {
    assert.deepEqual(policyOf(), {});
    assert.deepEqual(policyOf('--history-retention', '0', '--history-secrets'), {
      retentionMs: 0,
      keepSecrets: true,
    });
    assert.deepEqual(policyOf('--history-max-size', '2Gi', '--no-history-secrets'), {
      maxBytes: 2 * 1024 ** 3,
      keepSecrets: false,
    });
  });

  it('take times as Go writes them, and days', () => {
    assert.deepEqual(['36h', '7d', '1h30m'].map(durationOf), [129_600_000, 604_800_000, 5_400_000]);
    for (const text of ['', '7', '-1h', 'd', '1.5d', 'week'])
      assert.throws(() => durationOf(text), { message: /Give a time/ }, text);
  });

  it('take sizes in bytes and binary units', () => {
    assert.deepEqual(['0', '10', '512Mi'].map(sizeOf), [0, 10, 512 * 1024 ** 2]);
    for (const text of ['', '1G', '-1', '1.5Gi', '99999999999999999999'])
      assert.throws(() => sizeOf(text), { message: /Give a size/ }, text);
  });
});
