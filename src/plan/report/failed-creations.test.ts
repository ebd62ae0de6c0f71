/** Which Events say that something could not be made. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '#api/gen/core-v1.ts';
import { failedCreations } from './failed-creations.ts';

const START_MS = Date.parse('2026-01-01T00:00:00Z');
const PHASE = { fromMs: START_MS, untilMs: START_MS + 60_000 };

function event(name: string, reason: string, second: number): Event {
  return {
    metadata: { name: `${name}.${reason}.${second}`, namespace: 'shop' },
    involvedObject: { kind: 'ReplicaSet', namespace: 'shop', name, uid: name },
    reason,
    reportingComponent: '',
    reportingInstance: '',
    message: `${reason} at ${second}`,
    lastTimestamp: new Date(START_MS + second * 1000).toISOString(),
  };
}

const TABLE: readonly [claim: string, events: Event[], told: string[]][] = [
  ['the newest failure', [event('a', 'FailedCreate', 1), event('a', 'FailedCreate', 9)], ['9']],
  [
    'no failure that was overcome',
    [event('a', 'FailedCreate', 1), event('a', 'SuccessfulCreate', 2)],
    [],
  ],
  [
    'none overcome in the same second',
    [event('a', 'SuccessfulCreate', 1), event('a', 'FailedCreate', 1)],
    [],
  ],
  [
    'a failure after a success',
    [event('a', 'FailedCreate', 3), event('a', 'SuccessfulCreate', 2)],
    ['3'],
  ],
  ['each workload', [event('a', 'FailedCreate', 1), event('b', 'FailedCreate', 2)], ['1', '2']],
  ['nothing of other times', [event('a', 'FailedCreate', -1), event('b', 'FailedCreate', 60)], []],
  ['no other Events', [event('a', 'FailedScheduling', 1)], []],
];

describe('failed creations', () => {
  for (const [claim, events, told] of TABLE)
    it(`tell of ${claim}`, () => {
      const found = failedCreations(events, PHASE);
      assert.deepEqual(
        found.map(({ message }) => message.replace('FailedCreate at ', '')),
        told,
      );
    });

  it('name the workload', () => {
    const [found] = failedCreations([event('a', 'FailedCreate', 1)], PHASE);
    assert.deepEqual(found, {
      request: 'create for ReplicaSet shop/a',
      reason: 'FailedCreate',
      message: 'FailedCreate at 1',
    });
  });
});
