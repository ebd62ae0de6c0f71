/** How long kubelets may keep what they read. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextStep, ttlSecondsOf } from './ttl.ts';

describe('nextStep', () => {
  const rows: readonly [claim: string, step: number, nodes: number, ttlSeconds: number][] = [
    ['a small cluster asks always', 0, 100, 0],
    ['a larger one less', 0, 101, 15],
    ['it does not flip at the border', 1, 95, 15],
    ['but changes back below it', 1, 89, 0],
    ['several steps at once', 0, 5_000, 300],
    ['and back', 4, 3, 0],
  ];
  for (const [claim, step, nodes, ttlSeconds] of rows) {
    it(claim, () => assert.equal(ttlSecondsOf(nextStep(step, nodes)), ttlSeconds));
  }
});
