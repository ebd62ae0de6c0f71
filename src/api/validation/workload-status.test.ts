/** Counts in the statuses of workloads agree with one another. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAEMON_SET } from '../apps/daemon-set.ts';
import { DEPLOYMENT } from '../apps/deployment.ts';
import { REPLICA_SET } from '../apps/replica-set.ts';
import { STATEFUL_SET } from '../apps/stateful-set.ts';
import { statusErrors } from '../kind-test-kit.ts';
import { POD_DISRUPTION_BUDGET } from '../policy/pod-disruption-budget.ts';

describe('a status', () => {
  it('of a Deployment', () => {
    const fine = {
      replicas: 3,
      readyReplicas: 2,
      availableReplicas: 1,
      updatedReplicas: 3,
      collisionCount: 1,
    };
    assert.deepEqual(statusErrors(DEPLOYMENT, { status: fine }, {}), []);
    const status = { replicas: 1, readyReplicas: 2, availableReplicas: 3, updatedReplicas: -1 };
    assert.deepEqual(statusErrors(DEPLOYMENT, { status }, { status: fine }), [
      'status.updatedReplicas: Invalid value: -1: must be greater than or equal to 0',
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas',
      'status.collisionCount: Invalid value: 0: cannot be decremented',
    ]);
  });

  it('of a ReplicaSet', () => {
    const status = { replicas: 1, fullyLabeledReplicas: 2, readyReplicas: 1, availableReplicas: 1 };
    assert.deepEqual(statusErrors(REPLICA_SET, { status }, {}), [
      'status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas',
    ]);
  });

  it('of a StatefulSet', () => {
    const status = { replicas: 1, currentReplicas: 2, readyReplicas: 0, availableReplicas: 1 };
    assert.deepEqual(statusErrors(STATEFUL_SET, { status }, {}), [
      'status.currentReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas',
    ]);
  });

  it('of a DaemonSet', () => {
    const status = {
      currentNumberScheduled: -1,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
    assert.deepEqual(statusErrors(DAEMON_SET, { status }, {}), [
      'status.currentNumberScheduled: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });

  it('of a PodDisruptionBudget', () => {
    const status = {
      disruptionsAllowed: -1,
      currentHealthy: 0,
      desiredHealthy: 0,
      expectedPods: 0,
    };
    assert.deepEqual(statusErrors(POD_DISRUPTION_BUDGET, { status }, {}), [
      'status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });
});
