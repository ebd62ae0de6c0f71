import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AllocatedDeviceStatus, ResourceClaim } from '#api/gen/resource-v1.ts';
import { aClaim, DRIVER } from '#kit/devices.ts';
import { isTimedOut, needsWait, readinessOf } from './readiness.ts';

const condition = (type: string, status: 'True' | 'False' = 'True') => ({
  type,
  status,
  reason: 'Because',
  message: 'of it',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

const result = (device: string, words: object = {}) => ({
  request: 'r',
  driver: DRIVER,
  pool: 'p',
  device,
  ...words,
});
const SLOW = { bindingConditions: ['A', 'B'], bindingFailureConditions: ['X'] };

function claim(
  results: readonly ReturnType<typeof result>[],
  reported: readonly (readonly [string, AllocatedDeviceStatus['conditions']])[] = [],
): ResourceClaim {
  const devices = reported.map(([device, conditions]) => ({
    driver: DRIVER,
    pool: 'p',
    device,
    conditions,
  }));
  const allocation = {
    devices: { results: [...results] },
    allocationTimestamp: '2026-01-01T00:00:00Z',
  };
  return aClaim('one', {}, { status: { allocation, devices } });
}

describe('devices that must be made ready', () => {
  type Row = [claim: string, of: ResourceClaim, expected: ReturnType<typeof readinessOf>];
  const failed = {
    failed: 'device binding failed: claim=one, reason=Because, message="of it"',
  };
  const rows: Row[] = [
    ['are ready when none of them has conditions', claim([result('a')]), 'ready'],
    ['are waited for while nothing is said', claim([result('a', SLOW)]), 'waiting'],
    [
      'are waited for until all conditions are true',
      claim([result('a', SLOW)], [['a', [condition('A'), condition('B', 'False')]]]),
      'waiting',
    ],
    [
      'are ready when they are',
      claim([result('a', SLOW)], [['a', [condition('A'), condition('B')]]]),
      'ready',
    ],
    [
      'are not ready because another one is',
      claim([result('a', SLOW)], [['b', [condition('A'), condition('B')]]]),
      'waiting',
    ],
    [
      'have failed when one says so',
      claim([result('a', SLOW)], [['a', [condition('A'), condition('B'), condition('X')]]]),
      failed,
    ],
    [
      'have not failed by a condition that is not true',
      claim(
        [result('a', SLOW)],
        [['a', [condition('A'), condition('B'), condition('X', 'False')]]],
      ),
      'ready',
    ],
    [
      'do not fail by conditions that nobody waits for',
      claim([result('a', { bindingFailureConditions: ['X'] })], [['a', [condition('X')]]]),
      'ready',
    ],
  ];
  for (const [text, of, expected] of rows)
    it(text, () => assert.deepEqual(readinessOf(of), expected));

  it('may take a while from when they were given', () => {
    const given = Date.parse('2026-01-01T00:00:00Z');
    const slow = claim([result('a', SLOW)]);
    assert.equal(isTimedOut(slow, 1000, given + 1000), false);
    assert.equal(isTimedOut(slow, 1000, given + 1001), true);
    assert.equal(isTimedOut(claim([result('a')]), 1000, given + 1001), false);
    assert.deepEqual([needsWait(slow), needsWait(claim([result('a')]))], [true, false]);
  });
});
