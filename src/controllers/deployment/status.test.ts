/** What a Deployment reports, row by row. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment, DeploymentCondition } from '#api/gen/apps-v1.ts';
import { at, deployment, replicaSet } from '#kit/builders.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { divide } from './replica-sets.ts';
import { deploymentStatus, progressCheckMs, rolloutStatus, withPause } from './status.ts';

function progressing(reason: string, updatedAt: number, status = 'True'): DeploymentCondition {
  return {
    type: 'Progressing',
    status,
    reason,
    message: 'm',
    lastUpdateTime: at(updatedAt),
    lastTransitionTime: at(0),
  };
}

function observed(
  subject: Deployment,
  sets: readonly string[],
  nowSeconds: number,
): Parameters<typeof rolloutStatus>[0] {
  const { newRs, oldRss } = divide(subject, sets.map(replicaSet));
  return { deployment: subject, newRs, oldRss, nowMs: VIRTUAL_START_MS + nowSeconds * 1000 };
}

function withStatus(spec: string, status: NonNullable<Deployment['status']>): Deployment {
  return { ...deployment(spec), status };
}

describe('deploymentStatus', () => {
  it('counts new and old, and what is missing', () => {
    const subject = deployment('replicas=10 image=v2 surge=3 unavailable=2');
    const status = deploymentStatus(
      observed(subject, ['v1 replicas=8', 'v2 replicas=5 available=1'], 0),
    );
    const { conditions, ...counts } = status;
    assert.deepEqual(counts, {
      observedGeneration: 1,
      replicas: 13,
      updatedReplicas: 5,
      readyReplicas: 9,
      availableReplicas: 9,
      unavailableReplicas: 4,
    });
    assert.equal(conditions?.[0]?.reason, 'MinimumReplicasAvailable');
  });

  it('is not Available below the minimum', () => {
    const subject = deployment('replicas=10 image=v1 surge=3 unavailable=2');
    const status = deploymentStatus(observed(subject, ['v1 replicas=10 available=7'], 0));
    assert.deepEqual(
      status.conditions?.map(({ type, status: is, reason, message }) => [
        type,
        is,
        reason,
        message,
      ]),
      [
        [
          'Available',
          'False',
          'MinimumReplicasUnavailable',
          'Deployment does not have minimum availability.',
        ],
      ],
    );
  });
});

describe('rolloutStatus', () => {
  const reasonOf = (
    subject: Deployment,
    sets: readonly string[],
    nowSeconds = 0,
  ): (string | undefined)[] => {
    const conditions = rolloutStatus(observed(subject, sets, nowSeconds)).conditions ?? [];
    const found = conditions.find(({ type }) => type === 'Progressing');
    return [found?.status, found?.reason, found?.message];
  };

  it('says that the rollout is done', () => {
    const subject = withStatus('replicas=2 image=v1', {
      conditions: [progressing('ReplicaSetUpdated', 0)],
    });
    assert.deepEqual(reasonOf(subject, ['v1 replicas=2']), [
      'True',
      'NewReplicaSetAvailable',
      'ReplicaSet "v1" has successfully progressed.',
    ]);
  });

  it('says that it progresses, and renews the time', () => {
    const subject = withStatus('replicas=2 image=v1', {
      conditions: [progressing('ReplicaSetUpdated', 0)],
    });
    const { conditions } = rolloutStatus(observed(subject, ['v1 replicas=2 available=1'], 50));
    const found = conditions?.find(({ type }) => type === 'Progressing');
    assert.equal(found?.reason, 'ReplicaSetUpdated');
    assert.equal(found?.message, 'ReplicaSet "v1" is progressing.');
    assert.deepEqual([found?.lastUpdateTime, found?.lastTransitionTime], [at(50), at(0)]);
  });

  const stuck = { replicas: 2, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1 };
  it('gives up after the deadline without progress', () => {
    const subject = withStatus('replicas=2 image=v1 deadline=60', {
      ...stuck,
      conditions: [progressing('ReplicaSetUpdated', 0)],
    });
    const sets = ['v1 replicas=2 available=1'];
    assert.deepEqual(reasonOf(subject, sets, 60)[1], 'ReplicaSetUpdated');
    assert.deepEqual(reasonOf(subject, sets, 61), [
      'False',
      'ProgressDeadlineExceeded',
      'ReplicaSet "v1" has timed out progressing.',
    ]);
  });

  it('judges no progress of a rollout that is done', () => {
    const conditions = [progressing('NewReplicaSetAvailable', 0)];
    const subject = withStatus('replicas=2 image=v1 deadline=60', { ...stuck, conditions });
    assert.deepEqual(
      reasonOf(subject, ['v1 replicas=2 available=1'], 9_999)[1],
      'NewReplicaSetAvailable',
    );
  });

  it('has no Progressing without a deadline', () => {
    const subject = withStatus('replicas=2 image=v1 deadline=2147483647', {
      conditions: [progressing('x', 0)],
    });
    assert.deepEqual(reasonOf(subject, ['v1 replicas=2'])[1], undefined);
  });

  it('passes on the failure of a ReplicaSet, and clears it', () => {
    const failing = rolloutStatus(
      observed(deployment('replicas=2 image=v1'), ['v1 replicas=2 actual=0 failed'], 0),
    );
    const failure = failing.conditions?.find(({ type }) => type === 'ReplicaFailure');
    assert.deepEqual([failure?.reason, failure?.message], ['FailedCreate', 'quota']);
    const subject = { ...deployment('replicas=2 image=v1'), status: failing };
    const healed = rolloutStatus(observed(subject, ['v1 replicas=2'], 0));
    assert.equal(
      healed.conditions?.some(({ type }) => type === 'ReplicaFailure'),
      false,
    );
  });
});

describe('withPause', () => {
  it('marks the pause and the resumption, so that neither counts as lack of progress', () => {
    const paused = withPause(deployment('paused'), VIRTUAL_START_MS);
    assert.deepEqual([paused[0]?.status, paused[0]?.reason], ['Unknown', 'DeploymentPaused']);
    const resumed = withPause(withStatus('', { conditions: paused }), VIRTUAL_START_MS);
    assert.deepEqual([resumed[0]?.status, resumed[0]?.reason], ['Unknown', 'DeploymentResumed']);
  });

  it('marks nothing on one that is being deleted', () => {
    assert.deepEqual(withPause(deployment('paused deleted'), VIRTUAL_START_MS), []);
  });

  it('leaves a deadline that was exceeded as it is', () => {
    const conditions = [progressing('ProgressDeadlineExceeded', 0, 'False')];
    assert.deepEqual(withPause(withStatus('paused', { conditions }), VIRTUAL_START_MS), conditions);
  });
});

describe('progressCheckMs', () => {
  it('comes back a second after the deadline', () => {
    const subject = deployment('replicas=2 deadline=60');
    const status = { conditions: [progressing('ReplicaSetUpdated', 10)] };
    assert.equal(progressCheckMs(subject, status, VIRTUAL_START_MS + 30_000), 41_000);
  });
  it('does not come back when it is done or has given up', () => {
    const subject = deployment('replicas=0 deadline=60');
    const status = { observedGeneration: 1, conditions: [progressing('x', 0)] };
    assert.equal(progressCheckMs(subject, status, VIRTUAL_START_MS), undefined);
    const failed = { conditions: [progressing('ProgressDeadlineExceeded', 0)] };
    assert.equal(progressCheckMs(deployment('replicas=2'), failed, VIRTUAL_START_MS), undefined);
  });
});
