/** Stories of Deployments in a whole cluster: API server, controllers, scheduler, nodes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { POD } from '#api/core/pod.ts';
import { deployment } from '#kit/builders.ts';
import { TestCluster } from '#kit/cluster.ts';

function web(text: string): ReturnType<typeof deployment> {
  const { uid: _, generation: __, ...metadata } = deployment(text).metadata ?? {};
  return { ...deployment(text), metadata };
}

describe('a Deployment', () => {
  it('becomes Pods that run, and reports them', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(DEPLOYMENT, web('replicas=3 image=v1'));
    await cluster.settle();
    const pods = await cluster.list(POD, 'default');
    assert.deepEqual(
      pods.map(({ status }) => status?.phase),
      ['Running', 'Running', 'Running'],
    );
    const { status, metadata } = await cluster.get(DEPLOYMENT, 'web', 'default');
    assert.deepEqual(
      [status?.replicas, status?.readyReplicas, status?.availableReplicas],
      [3, 3, 3],
    );
    assert.equal(metadata?.annotations?.['deployment.kubernetes.io/revision'], '1');
    const reasons = Object.fromEntries(
      (status?.conditions ?? []).map(({ type, reason }) => [type, reason]),
    );
    assert.deepEqual(reasons, {
      Available: 'MinimumReplicasAvailable',
      Progressing: 'NewReplicaSetAvailable',
    });
    await cluster.stop();
  });
});
