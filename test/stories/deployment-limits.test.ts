/** Stories of Deployments: how far a rollout goes at once, and what is counted meanwhile. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { POD } from '#api/core/pod.ts';
import type { Deployment, DeploymentSpec } from '#api/gen/apps-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { deployment } from '#kit/builders.ts';
import { TestCluster } from '#kit/cluster.ts';

function web(text: string, spec: Partial<DeploymentSpec> = {}): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default' },
    spec: { ...deployment(text).spec!, ...spec },
  };
}

/** Pods are ready after 20 seconds, and need 20 seconds to stop. */
async function deploy(text: string, spec: Partial<DeploymentSpec> = {}): Promise<TestCluster> {
  const delays = { startMs: 100, readyMs: 20_000, stopMs: 20_000 };
  const cluster = await TestCluster.start({ delays });
  await cluster.create(DEPLOYMENT, web(text, spec));
  await cluster.advance(60_000);
  await cluster.settle();
  return cluster;
}

const current = (cluster: TestCluster): Promise<Deployment> =>
  cluster.get(DEPLOYMENT, 'web', 'default');

async function roll(cluster: TestCluster): Promise<void> {
  const containers = [{ name: 'main', image: 'v2' }];
  await cluster.patch(DEPLOYMENT, await current(cluster), {
    spec: { template: { spec: { containers } } },
  });
}

/** How many Pods of the old image and of the new one are to stay. */
async function oldAndNew(cluster: TestCluster): Promise<[number, number]> {
  const staying = (await cluster.list(POD, 'default')).filter(
    ({ metadata }) => metadata?.deletionTimestamp === undefined,
  );
  const isNew = staying.filter(({ spec }) => spec?.containers[0]?.image === 'v2').length;
  return [staying.length - isNew, isNew];
}

describe('a rollout', () => {
  const rows = [
    ['surge=3 unavailable=0', [4, 3]],
    ['surge=0 unavailable=3', [1, 3]],
    ['surge=1 unavailable=2', [2, 3]],
    ['surge=50% unavailable=50%', [2, 4]],
  ] as const;
  for (const [limits, counts] of rows) {
    it(`with ${limits} goes to ${counts.join(' old and ')} new Pods of 4 at once`, async () => {
      const cluster = await deploy(`replicas=4 image=v1 ${limits}`);
      await roll(cluster);
      await cluster.advance(5_000);
      assert.deepEqual(await oldAndNew(cluster), counts);
      await cluster.stop();
    });
  }

  it('goes on when new Pods have been ready for minReadySeconds, and tells how many are not', async () => {
    const cluster = await deploy('replicas=2 image=v1 surge=1 unavailable=0', {
      minReadySeconds: 40,
    });
    await roll(cluster);
    await cluster.advance(50_000);
    assert.deepEqual(await oldAndNew(cluster), [2, 1], 'it is ready since 30 seconds');
    const { status } = await current(cluster);
    assert.deepEqual(
      [status?.readyReplicas, status?.availableReplicas, status?.unavailableReplicas],
      [3, 2, 1],
    );
    await cluster.advance(20_000);
    assert.deepEqual(await oldAndNew(cluster), [1, 2]);
    await cluster.advance(300_000);
    assert.deepEqual(await oldAndNew(cluster), [0, 2]);
    assert.equal((await current(cluster)).status?.unavailableReplicas, undefined);
    await cluster.stop();
  });
});

describe('a Deployment', () => {
  it('counts the Pods that are still stopping', async () => {
    const cluster = await deploy('replicas=3 image=v1');
    await cluster.patch(DEPLOYMENT, await current(cluster), { spec: { replicas: 1 } });
    await cluster.advance(5_000);
    const { status } = await current(cluster);
    assert.deepEqual([status?.replicas, status?.terminatingReplicas], [1, 2]);
    await cluster.advance(30_000);
    assert.equal((await current(cluster)).status?.terminatingReplicas, 0);
    await cluster.stop();
  });

  it('takes another name when that of its ReplicaSet is taken, and counts that', async () => {
    const cluster = await deploy('replicas=1 image=v1');
    const [made] = await cluster.list(REPLICA_SET, 'default');
    const { name = '' } = made?.metadata ?? {};
    await cluster.delete(DEPLOYMENT, await current(cluster));
    await cluster.advance(60_000);
    const { spec } = web('replicas=0 image=other');
    const labels = { app: 'other' };
    await cluster.create(REPLICA_SET, {
      metadata: { name, namespace: 'default' },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { ...spec?.template, metadata: { labels } },
      },
    });
    await cluster.create(DEPLOYMENT, web('replicas=1 image=v1'));
    await cluster.advance(60_000);
    const { status } = await current(cluster);
    assert.deepEqual([status?.collisionCount, status?.availableReplicas], [1, 1]);
    const mine = (await cluster.list(REPLICA_SET, 'default')).filter(
      (each) => controllerOf(each)?.name === 'web',
    );
    assert.equal(mine.length, 1);
    assert.notEqual(mine[0]?.metadata?.name, name);
    await cluster.stop();
  });
});
