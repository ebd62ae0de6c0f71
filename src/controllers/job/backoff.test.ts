/** How long a failed Pod's replacement waits, and when a Pod ended. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { jobPod } from '#kit/job-pods.ts';
import { at } from '#kit/builders.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { nextBackoff, NO_BACKOFF, remainingMs, remainingOfIndexMs } from './backoff.ts';
import { finishedMs } from './pods.ts';

const ms = (seconds: number): number => VIRTUAL_START_MS + seconds * 1000;
const pods = (...texts: string[]): Pod[] => texts.map(jobPod);

describe('remainingMs()', () => {
  const rows: readonly (readonly [failures: number, seconds: number])[] = [
    [0, 0],
    [1, 10],
    [2, 20],
    [3, 40],
    [6, 320],
    [7, 600],
    [1_000_000, 600],
  ];
  for (const [failures, seconds] of rows) {
    it(`is ${seconds} s after ${failures} failures`, () => {
      assert.equal(remainingMs({ failures, lastFailureMs: ms(0) }, ms(0)), seconds * 1000);
    });
  }
  it('gets less as time goes by, and never less than nothing', () => {
    const backoff = { failures: 1, lastFailureMs: ms(0) };
    assert.equal(remainingMs(backoff, ms(4)), 6_000);
    assert.equal(remainingMs(backoff, ms(50)), 0);
  });
});

describe('remainingOfIndexMs()', () => {
  it('goes by the failures that the last Pod carries, ignored ones too, and its own', () => {
    const last = jobPod('a phase=Failed exit=1 ended=0 failures=1 ignored=1');
    assert.equal(remainingOfIndexMs(last, ms(0)), 40_000);
    assert.equal(remainingOfIndexMs(undefined, ms(0)), 0);
  });
});

describe('nextBackoff()', () => {
  const old = { failures: 2, lastFailureMs: ms(1) };
  const rows = [
    ['stays as it was when nothing ended', [], [], old],
    ['counts on', [], ['b ended=9', 'a ended=7'], { failures: 4, lastFailureMs: ms(9) }],
    ['starts anew after a success', ['a ended=5'], [], NO_BACKOFF],
    [
      'counts failures after the last success alone',
      ['a ended=5', 'b ended=3'],
      ['c ended=4', 'd ended=5', 'e ended=6'],
      { failures: 1, lastFailureMs: ms(6) },
    ],
  ] as const;
  for (const [claim, succeeded, failed, expected] of rows) {
    it(claim, () => {
      const ended = { succeeded: pods(...succeeded), failed: pods(...failed) };
      assert.deepEqual(nextBackoff(old, ended), expected);
    });
  }
});

describe('finishedMs()', () => {
  const without = (pod: Pod): Pod => ({ ...pod, status: { phase: 'Failed' } });
  it('is when the last container ended', () => {
    const pod = jobPod('a ended=5');
    const late = jobPod('a ended=8').status!.containerStatuses!;
    const containerStatuses = [...pod.status!.containerStatuses!, ...late];
    assert.equal(finishedMs({ ...pod, status: { containerStatuses } }), ms(8));
  });
  it('counts sidecars, and no other init containers', () => {
    const pod = jobPod('a ended=5');
    const status = (name: string, seconds: number) => ({
      ...pod.status!.containerStatuses![0]!,
      name,
      state: { terminated: { exitCode: 0, finishedAt: at(seconds) } },
    });
    const initContainers = [{ name: 'proxy', restartPolicy: 'Always' as const }, { name: 'setup' }];
    const initContainerStatuses = [status('proxy', 6), status('setup', 9)];
    const whole = {
      ...pod,
      spec: { containers: [], initContainers },
      status: { ...pod.status, initContainerStatuses },
    };
    assert.equal(finishedMs(whole), ms(6));
  });
  it('is when it was no longer ready, when a container has no end', () => {
    assert.equal(finishedMs(jobPod('a since=7')), ms(7));
  });
  it('is when it was deleted, when it says nothing of its readiness', () => {
    const pod = without(jobPod('a created=3'));
    const metadata = { ...pod.metadata, deletionTimestamp: at(40), deletionGracePeriodSeconds: 30 };
    assert.equal(finishedMs({ ...pod, metadata }), ms(10));
    assert.equal(finishedMs(pod), ms(3), 'or else when it was made');
  });
});
