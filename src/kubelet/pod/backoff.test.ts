import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatGoDuration } from '../go-format.ts';
import { BackoffTable } from './backoff.ts';

describe('BackoffTable', () => {
  it('doubles from ten seconds to five minutes', () => {
    const table = new BackoffTable();
    const delays: string[] = [];
    let now = 0;
    for (let i = 0; i < 7; i++) {
      assert.equal(table.waitMs('k', now, now + 400_000), 0);
      table.next('k', now, now);
      delays.push(formatGoDuration(table.delayMs('k')));
      now += table.delayMs('k');
    }
    assert.deepEqual(delays, ['10s', '20s', '40s', '1m20s', '2m40s', '5m0s', '5m0s']);
  });
  it('counts from the failure', () => {
    const table = new BackoffTable();
    table.next('k', 0, 0);
    assert.equal(table.waitMs('k', 5000, 6000), 9000);
    assert.equal(table.waitMs('other', 5000, 6000), 0);
  });
  it('begins anew after ten good minutes', () => {
    const table = new BackoffTable();
    for (let i = 0; i < 6; i++) table.next('k', 0, 0);
    assert.equal(table.waitMs('k', 600_001, 600_001), 0);
    table.next('k', 600_001, 600_001);
    assert.equal(table.delayMs('k'), 10_000);
  });
});

describe('formatGoDuration', () => {
  it('writes as Go does', () => {
    const texts = [0, 0.5, 1.5, 999, 1000, 1500, 60_000, 3_661_000].map(formatGoDuration);
    assert.deepEqual(texts, ['0s', '500µs', '1.5ms', '999ms', '1s', '1.5s', '1m0s', '1h1m1s']);
  });
});
