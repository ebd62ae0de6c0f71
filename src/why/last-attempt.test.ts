/** The last attempt as it is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Diagnosis } from '#scheduler/diagnosis.ts';
import { LastAttempts } from '#scheduler/last-attempts.ts';
import { lastAttemptOf } from './last-attempt.ts';

const FULL = {
  plugin: 'NodeResourcesFit',
  kind: 'Unschedulable',
  reasons: ['Insufficient cpu'],
} as const;

function diagnosisOf(nodes: number): Diagnosis {
  const verdicts = new Map(Array.from({ length: nodes }, (_, i) => [`n${i}`, FULL] as const));
  return { nodeCount: nodes, verdicts };
}

describe('the last attempt', () => {
  it('names nodes to those alone who may read them', () => {
    const attempt = { diagnosis: diagnosisOf(1), atMs: 0 };
    const verdict = { plugin: FULL.plugin, reasons: FULL.reasons };
    assert.deepEqual(lastAttemptOf(attempt, { namesNodes: true }), {
      time: '1970-01-01T00:00:00Z',
      message: '0/1 nodes are available: 1 Insufficient cpu.',
      verdicts: [{ node: 'n0', ...verdict }],
    });
    assert.deepEqual(lastAttemptOf(attempt, { namesNodes: false }).verdicts, []);
  });

  it('counts the nodes beyond the first thousand', () => {
    const told = lastAttemptOf({ diagnosis: diagnosisOf(1_003), atMs: 0 }, { namesNodes: true });
    assert.deepEqual([told.verdicts.length, told.omittedNodes], [1_000, 3]);
  });

  it('is kept of the thousand pods that were tried last', () => {
    const attempts = new LastAttempts();
    const attempt = { diagnosis: diagnosisOf(1), atMs: 0 };
    for (let i = 0; i < 1_000; i++) attempts.remember(`default/p${i}`, attempt);
    attempts.remember('default/p0', attempt);
    attempts.remember('default/new', attempt);
    const known = ['p0', 'p1', 'p2', 'new'].map(
      (name) => attempts.of(`default/${name}`) !== undefined,
    );
    assert.deepEqual(known, [true, false, true, true]);
  });
});
