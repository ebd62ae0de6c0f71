/** What a budget's status says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { pod } from '#kit/builders.ts';
import { asksForScale, countDisruptions, DELETION_TIMEOUT_MS, failedStatus } from './plan.ts';

const NOW_MS = 1_000_000_000_000;

function budget(
  spec: PodDisruptionBudget['spec'],
  status?: Partial<PodDisruptionBudget['status']>,
): PodDisruptionBudget {
  const none = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  return {
    metadata: { name: 'b', namespace: 'default', generation: 3 },
    spec: spec ?? {},
    status: { ...none, ...status },
  };
}

/** `allowed healthy desired expected` of Pods as `pod` of the builders reads them. */
function counts(spec: PodDisruptionBudget['spec'], pods: readonly string[], scale = 0): string {
  const world = { pods: pods.map(pod), scale, nowMs: NOW_MS };
  const { status } = countDisruptions(budget(spec), world);
  return `${status.disruptionsAllowed} ${status.currentHealthy} ${status.desiredHealthy} ${status.expectedPods}`;
}

const READY = ['a ready', 'b ready', 'c ready', 'd ready'];

describe('countDisruptions', () => {
  const rows: [claim: string, PodDisruptionBudget['spec'], string[], number, string][] = [
    ['a number that must be available', { minAvailable: 3 }, READY, 0, '1 4 3 4'],
    ['a share of the scale, rounded up', { minAvailable: '30%' }, READY, 4, '2 4 2 4'],
    ['a number that may be missing', { maxUnavailable: 1 }, READY, 4, '1 4 3 4'],
    ['a share that may be missing, rounded up', { maxUnavailable: '30%' }, READY, 4, '2 4 2 4'],
    ['more may be missing than there are', { maxUnavailable: 9 }, READY, 4, '4 4 0 4'],
    ['fewer are healthy than must be', { minAvailable: 3 }, ['a ready', 'b'], 0, '0 1 3 2'],
    [
      'Pods that are being deleted',
      { minAvailable: 1 },
      ['a ready deleted', 'b ready'],
      0,
      '0 1 1 2',
    ],
    ['no Pods yet', { minAvailable: 0 }, [], 0, '0 0 0 0'],
    ['the scale is none', { maxUnavailable: 1 }, ['a ready'], 0, '0 1 0 0'],
    ['neither is said', {}, READY, 0, '0 4 0 0'],
  ];
  for (const [claim, spec, pods, scale, expected] of rows) {
    it(`counts ${claim}`, () => assert.equal(counts(spec, pods, scale), expected));
  }

  it('says what it means, when, and of which generation', () => {
    const before = { type: 'DisruptionAllowed', lastTransitionTime: timeText(NOW_MS - 5000) };
    const known = { ...before, status: 'True', reason: 'SufficientPods', message: '' } as const;
    const world = { pods: READY.map(pod), scale: 0, nowMs: NOW_MS };
    const same = countDisruptions(budget({ minAvailable: 3 }, { conditions: [known] }), world);
    assert.deepEqual(same.status.conditions, [{ ...known, observedGeneration: 3 }]);
    assert.equal(same.status.observedGeneration, 3);
    const other = countDisruptions(budget({ minAvailable: 4 }, { conditions: [known] }), world);
    assert.deepEqual(other.status.conditions, [
      {
        type: 'DisruptionAllowed',
        status: 'False',
        reason: 'InsufficientPods',
        message: '',
        observedGeneration: 3,
        lastTransitionTime: timeText(NOW_MS),
      },
    ]);
  });

  it('does not count Pods that were let go, until they have not gone for two minutes', () => {
    const disruptedPods = {
      a: timeText(NOW_MS - 30_000),
      b: timeText(NOW_MS - DELETION_TIMEOUT_MS),
      c: timeText(NOW_MS - 1000),
      gone: timeText(NOW_MS - 1000),
    };
    const pods = ['a ready', 'b ready', 'c ready deleted', 'd ready'].map(pod);
    const counted = countDisruptions(budget({ minAvailable: 0 }, { disruptedPods }), {
      pods,
      scale: 0,
      nowMs: NOW_MS,
    });
    assert.deepEqual(counted.status.disruptedPods, { a: disruptedPods.a });
    assert.equal(counted.status.currentHealthy, 2);
    assert.deepEqual(
      counted.notDeleted.map(({ metadata }) => metadata?.name),
      ['b'],
    );
    assert.equal(counted.recheckAfterMs, DELETION_TIMEOUT_MS - 30_000);
  });
});

describe('failedStatus', () => {
  it('allows nothing, says why, and keeps the rest', () => {
    const old = { disruptionsAllowed: 2, currentHealthy: 5, observedGeneration: 2 };
    const status = failedStatus(budget({ maxUnavailable: 1 }, old), 'broken', NOW_MS);
    assert.deepEqual(
      [status.disruptionsAllowed, status.currentHealthy, status.observedGeneration],
      [0, 5, 2],
    );
    assert.deepEqual(status.conditions, [
      {
        type: 'DisruptionAllowed',
        status: 'False',
        reason: 'SyncFailed',
        message: 'broken',
        observedGeneration: 2,
        lastTransitionTime: timeText(NOW_MS),
      },
    ]);
  });
});

describe('asksForScale', () => {
  it('is true of what may be missing, and of shares', () => {
    const asked = [{ minAvailable: 1 }, { minAvailable: '1%' }, { maxUnavailable: 1 }, {}];
    assert.deepEqual(
      asked.map((spec) => asksForScale(budget(spec))),
      [false, true, true, false],
    );
  });
});
