/** How long pods take on a fork: as long as their like took in the cluster. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { Owners } from './owners.ts';
import { PodTimes } from './pod-times.ts';

const START_MS = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number): string => new Date(START_MS + seconds * 1000).toISOString();
const DEFAULTS = { startMs: 6_000, stopMs: 2_000 };

interface Facts {
  readonly owner?: string;
  /** Seconds from the start to ready; not ready unless given. */
  readonly readyAfter?: number;
  /** Seconds from running to a good end. */
  readonly ranFor?: number;
  readonly restarts?: number;
  readonly inits?: readonly Partial<Container>[];
  readonly probeDelay?: number;
}

function pod(facts: Facts = {}): Pod {
  const { owner = 'web', readyAfter, ranFor, restarts = 0, inits = [], probeDelay } = facts;
  const readinessProbe = probeDelay === undefined ? {} : { initialDelaySeconds: probeDelay };
  const controller = { apiVersion: 'apps/v1', kind: 'StatefulSet', controller: true };
  const ended = { exitCode: 0, startedAt: at(1), finishedAt: at(1 + (ranFor ?? 0)) };
  return {
    metadata: {
      namespace: 'shop',
      ownerReferences: [{ ...controller, name: owner, uid: owner }],
    },
    spec: {
      initContainers: inits.map((init, index) => ({ name: `i${index}`, image: 'i', ...init })),
      containers: [{ name: 'main', image: 'web', readinessProbe }],
    },
    status: {
      phase: ranFor === undefined ? 'Running' : 'Succeeded',
      conditions: [
        { type: 'PodScheduled', status: 'True', lastTransitionTime: at(0) },
        {
          type: 'Ready',
          status: readyAfter === undefined ? 'False' : 'True',
          lastTransitionTime: at(readyAfter ?? 0),
        },
      ],
      containerStatuses: [
        {
          name: 'main',
          image: 'web',
          imageID: '',
          ready: readyAfter !== undefined,
          restartCount: restarts,
          ...(ranFor === undefined ? {} : { state: { terminated: ended } }),
        },
      ],
    },
  };
}

const timesOf = (...pods: readonly Pod[]): PodTimes => new PodTimes(pods, new Owners(), DEFAULTS);

describe('pods of a fork', () => {
  it('take the median of their workload, half of it until containers run', () => {
    const times = timesOf(
      ...[4, 10, 90].map((readyAfter) => pod({ readyAfter })),
      pod({ owner: 'db', readyAfter: 60 }),
      pod({ readyAfter: 500, restarts: 1 }),
      pod(),
    );
    assert.deepEqual(times.delaysOf(pod()), { startMs: 5_000, readyMs: 5_000, stopMs: 2_000 });
    assert.equal(times.delaysOf(pod({ owner: 'db' })).readyMs, 30_000);
    assert.deepEqual(times.statements([pod(), pod()]), [
      'Pods of StatefulSet shop/web take 10 s from a node to ready, the median of 3 there.',
      'Pods stop within 2 s, or their grace where that is shorter.',
    ]);
  });

  it('share the time until containers run with those that come before', () => {
    const inits = [{}, {}, { restartPolicy: 'Always' }];
    const { startMs, readyMs } = timesOf(pod({ readyAfter: 12 })).delaysOf(pod({ inits }));
    assert.deepEqual({ startMs, readyMs }, { startMs: 2_000, readyMs: 6_000 });
  });

  it('take what is given where nothing is known, or what their probes wait for', () => {
    const times = timesOf();
    assert.equal(times.delaysOf(pod()).readyMs, 3_000);
    assert.equal(times.delaysOf(pod({ probeDelay: 20 })).readyMs, 20_000);
    assert.match(times.statements([pod()])[0] ?? '', /have no ready one take 6 s/);
    // Where it is known how long they take, the probes' part is in it.
    const known = timesOf(pod({ readyAfter: 24 }));
    assert.equal(known.delaysOf(pod({ probeDelay: 20 })).readyMs, 12_000);
  });

  it('end when their like did, unless that is far away', () => {
    assert.equal(timesOf(pod({ ranFor: 30 })).delaysOf(pod()).runMs, 30_000);
    assert.equal(timesOf(pod({ ranFor: 3_600 })).delaysOf(pod()).runMs, undefined);
    assert.equal(timesOf(pod({ readyAfter: 1 })).delaysOf(pod()).runMs, undefined);
  });

  it('are said to run on, or to end, when they are to end at all', () => {
    const job = pod();
    const asked = {
      ...job,
      spec: { containers: [], ...job.spec, restartPolicy: 'Never' as const },
    };
    const first = (times: PodTimes): string => times.statements([asked])[0] ?? '';
    assert.equal(
      first(timesOf(pod({ ranFor: 30 }))),
      'Pods of StatefulSet shop/web end well after 30 s, the median of 1 there.',
    );
    assert.match(first(timesOf()), /^Pods of StatefulSet shop\/web run on: /);
  });

  const cases: readonly [what: string, now: Facts, ageSeconds: number, stays: boolean][] = [
    ['is ready', { readyAfter: 1 }, 2, true],
    ['has just come to its node', {}, 5, false],
    ['should have been ready long ago', {}, 60, true],
    ['has crashed', { restarts: 1 }, 5, true],
  ];
  for (const [what, facts, ageSeconds, stays] of cases)
    it(`${stays ? 'stays as it is' : 'goes on'} when it ${what}`, () => {
      const nowMs = START_MS + ageSeconds * 1000;
      assert.equal(timesOf().isAsItWillBe(pod(facts), nowMs), stays);
    });

  it('goes on when it is ready, and its like ended', () => {
    const times = timesOf(pod({ ranFor: 30 }));
    assert.equal(times.isAsItWillBe(pod({ readyAfter: 1 }), START_MS + 5_000), false);
  });
});
