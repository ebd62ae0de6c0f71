/** How long a Job has left. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '#api/gen/batch-v1.ts';
import { at } from '#kit/builders.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { msLeft } from './ttl-after-finished.ts';

function job(condition: string, ttl: number | undefined, deleted = false): Job {
  const [type = '', status = ''] = condition.split('=');
  return {
    metadata: deleted ? { deletionTimestamp: at(0) } : {},
    spec: { template: {}, ...(ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl }) },
    status: {
      conditions: [
        { type: 'SuccessCriteriaMet', status: 'True', lastTransitionTime: at(1) },
        { type, status, lastTransitionTime: at(10) },
      ],
    },
  };
}

describe('msLeft()', () => {
  const rows: readonly (readonly [claim: string, job: Job, seconds: number | undefined])[] = [
    ['counts from completion', job('Complete=True', 60), 50],
    ['counts from failure', job('Failed=True', 60), 50],
    ['is negative when it is over', job('Complete=True', 5), -5],
    ['is none at once', job('Complete=True', 0), -10],
    ['is not counted while it runs', job('Complete=False', 60), undefined],
    ['is not counted without a time to live', job('Complete=True', undefined), undefined],
    ['is not counted when it is being deleted', job('Complete=True', 60, true), undefined],
  ];
  for (const [claim, object, seconds] of rows)
    it(claim, () => {
      const leftMs = msLeft(object, VIRTUAL_START_MS + 20_000);
      assert.equal(leftMs, seconds === undefined ? undefined : seconds * 1000);
    });
});
