/** Waits end: with their outcome, in time, or when they have become pointless. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { untilTrue, within } from './wait.ts';

describe('waiting', () => {
  it('gives what it waited for', async () => {
    assert.equal(await within(Promise.resolve(7), { timeoutMs: 1_000, what: 'seven' }), 7);
  });

  it('ends after its time, and says what it waited for', async () => {
    const never = new Promise(() => {});
    await assert.rejects(within(never, { timeoutMs: 10, what: 'the end of time' }), {
      message: 'Waited 0.01 s for the end of time',
    });
  });

  it('ends at once when it has become pointless, and asks no more', async () => {
    let asked = 0;
    const { promise: failed, reject } = Promise.withResolvers<never>();
    const check = async (): Promise<boolean> => {
      if (++asked === 3) reject(new Error('it died'));
      throw new Error('nobody answers');
    };
    const patience = { timeoutMs: 60_000, what: 'an answer', everyMs: 1, failed };
    await assert.rejects(untilTrue(check, patience), { message: 'it died' });
    const before = asked;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(asked <= before + 1, `${asked} after ${before}`);
  });
});
