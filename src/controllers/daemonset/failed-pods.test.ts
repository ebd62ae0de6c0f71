/** How long a node that fails its Pod waits for the next. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FailedPods } from './failed-pods.ts';

describe('FailedPods', () => {
  it('waits a second, then twice as long each time, up to fifteen minutes', () => {
    const failures = new FailedPods();
    assert.equal(failures.leftMs('n1', 0), 0);
    const waits: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 12; i++) {
      failures.deleted('n1', nowMs);
      waits.push(failures.leftMs('n1', nowMs));
      nowMs += waits.at(-1) ?? 0;
      assert.equal(failures.leftMs('n1', nowMs), 0);
    }
    assert.deepEqual(waits.slice(0, 3), [1_000, 2_000, 4_000]);
    assert.deepEqual(waits.slice(-2), [900_000, 900_000]);
    assert.equal(failures.leftMs('n2', 500), 0);
  });

  it('forgets a node that was quiet for half an hour', () => {
    const failures = new FailedPods();
    failures.deleted('n1', 0);
    failures.deleted('n1', 1_800_000);
    assert.equal(failures.leftMs('n1', 1_800_000), 2_000);
    failures.deleted('n1', 1_800_000 + 1_800_001);
    assert.equal(failures.leftMs('n1', 3_600_001), 1_000);
  });

  it('remembers so many nodes, and forgets the one that failed first', () => {
    const failures = new FailedPods();
    for (let i = 0; i <= 100_000; i++) failures.deleted(`n${i}`, 0);
    assert.equal(failures.leftMs('n0', 0), 0);
    assert.equal(failures.leftMs('n1', 0), 1_000);
  });
});
