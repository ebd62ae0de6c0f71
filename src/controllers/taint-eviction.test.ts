/** Who must leave a tainted node, and when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Toleration } from '#api/gen/core-v1.ts';
import { node, pod } from '#kit/builders.ts';
import { planEviction } from './taint-eviction.ts';

const TAINTED = node('n1 taint=node.kubernetes.io/unreachable:NoExecute');

function plan(
  tolerations: Toleration[],
  sinceMs?: number,
  nowMs = 1_000,
): ReturnType<typeof planEviction> {
  const subject = pod('a ready');
  subject.spec!.tolerations = tolerations;
  return planEviction(subject, TAINTED, { nowMs, sinceMs });
}

const forSeconds = (tolerationSeconds?: number): Toleration => ({
  key: 'node.kubernetes.io/unreachable',
  operator: 'Exists',
  effect: 'NoExecute',
  ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
});

describe('planEviction', () => {
  it('evicts at once who does not tolerate the taint', () => {
    assert.deepEqual(plan([]), { kind: 'now', atMs: 1_000 });
  });
  it('keeps who tolerates it for ever', () => {
    assert.deepEqual(plan([forSeconds()]), { kind: 'keep' });
  });
  it('waits as long as the toleration lasts, from when it began', () => {
    assert.deepEqual(plan([forSeconds(300)]), { kind: 'later', sinceMs: 1_000, atMs: 301_000 });
    assert.deepEqual(plan([forSeconds(300)], 1_000, 200_000), {
      kind: 'later',
      sinceMs: 1_000,
      atMs: 301_000,
    });
    assert.deepEqual(plan([forSeconds(300)], 1_000, 301_500), { kind: 'now', atMs: 301_000 });
  });
  it('takes a negative time as none', () => {
    assert.deepEqual(plan([forSeconds(-1)]), { kind: 'now', atMs: 1_000 });
  });
  it('leaves Pods of healthy nodes, and those that are going, alone', () => {
    assert.deepEqual(planEviction(pod('a'), node('n1'), { nowMs: 0, sinceMs: undefined }), {
      kind: 'keep',
    });
    assert.deepEqual(planEviction(pod('a deleted'), TAINTED, { nowMs: 0, sinceMs: undefined }), {
      kind: 'keep',
    });
    assert.deepEqual(planEviction(undefined, TAINTED, { nowMs: 0, sinceMs: 5 }), { kind: 'keep' });
  });
});
