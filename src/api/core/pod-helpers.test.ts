import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { ago, NOW } from '../kind-test-kit.ts';
import {
  isPodActive,
  isPodAvailable,
  isPodTerminal,
  readDeletionCost,
  withCondition,
} from './pod-helpers.ts';
import { firstUntolerated, tolerates } from './taints.ts';

describe('pods', () => {
  it('are available after they have been ready for a while', () => {
    const object: Pod = {
      status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ago(10) }] },
    };
    assert.equal(isPodAvailable(object, 0, NOW), true);
    assert.equal(isPodAvailable(object, 10, NOW), true);
    assert.equal(isPodAvailable(object, 11, NOW), false);
    assert.equal(isPodAvailable({}, 0, NOW), false);
  });

  it('are active until they end or are being deleted', () => {
    assert.equal(isPodActive({ status: { phase: 'Running' } }), true);
    assert.equal(isPodActive({ metadata: { deletionTimestamp: ago(0) } }), false);
    assert.equal(isPodActive({ status: { phase: 'Succeeded' } }), false);
    assert.equal(isPodTerminal({ status: { phase: 'Failed' } }), true);
  });
});

describe('readDeletionCost()', () => {
  it('takes integers of 32 bits', () => {
    const costs = { '0': 0, '-5': -5, '-05': -5, '2147483647': 2147483647 };
    for (const [text, cost] of Object.entries(costs)) assert.equal(readDeletionCost(text), cost);
    assert.equal(readDeletionCost('-2147483648'), -2147483648);
  });
  it('takes nothing else', () => {
    for (const text of ['', '-', '+5', '05', '1.5', 'a', '2147483648', '-2147483649'])
      assert.equal(readDeletionCost(text), undefined);
  });
});

describe('withCondition()', () => {
  it('answers the same list for a time that is null, as Go writes one that nobody set', () => {
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' } as const;
    const before = JSON.parse(
      JSON.stringify([{ ...condition, lastProbeTime: null, lastTransitionTime: 'then' }]),
    );
    assert.equal(withCondition(before, condition, 'now'), before);
  });
  const before = [{ type: 'Ready', status: 'True', lastTransitionTime: 'then' }];
  it('moves the time when the status changes only', () => {
    const same = withCondition(before, { type: 'Ready', status: 'True', reason: 'new' }, 'now');
    assert.equal(same[0]?.lastTransitionTime, 'then');
    const flipped = withCondition(before, { type: 'Ready', status: 'False' }, 'now');
    assert.equal(flipped[0]?.lastTransitionTime, 'now');
  });
  it('answers the same list when nothing changes', () => {
    assert.equal(withCondition(before, { type: 'Ready', status: 'True' }, 'now'), before);
  });
  it('adds what is new', () => {
    assert.deepEqual(
      withCondition(before, { type: 'More', status: 'True' }, 'now').map(({ type }) => type),
      ['Ready', 'More'],
    );
  });
});

describe('tolerates()', () => {
  const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' as const };
  it('compares key, value and effect', () => {
    assert.equal(tolerates({ key: 'gpu', value: 'yes' }, taint), true);
    assert.equal(tolerates({ key: 'gpu', value: 'no' }, taint), false);
    assert.equal(tolerates({ key: 'gpu', operator: 'Exists' }, taint), true);
    assert.equal(tolerates({ operator: 'Exists' }, taint), true);
    assert.equal(tolerates({ operator: 'Exists', effect: 'NoExecute' }, taint), false);
    assert.equal(tolerates({ key: 'other', operator: 'Exists' }, taint), false);
  });
  it('leaves the first taint that nothing covers', () => {
    const other = { key: 'disk', effect: 'NoExecute' as const };
    const tolerations = [{ key: 'gpu', operator: 'Exists' as const }];
    assert.equal(firstUntolerated([taint, other], tolerations, ['NoSchedule', 'NoExecute']), other);
    assert.equal(firstUntolerated([taint, other], tolerations, ['NoSchedule']), undefined);
  });
});
