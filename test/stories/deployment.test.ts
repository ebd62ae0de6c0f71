/** Stories of Deployments in a whole cluster: API server, controllers, scheduler, nodes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { EVENT } from '#api/core/event.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { POD } from '#api/core/pod.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { deploymentController } from '#controllers/deployment.ts';
import { deployment } from '#kit/builders.ts';
import { TestCluster } from '#kit/cluster.ts';
import { sampleOf } from '#kit/metrics.ts';

const REVISION = 'deployment.kubernetes.io/revision';

function web(text: string): Deployment {
  const { spec, metadata } = deployment(text);
  return {
    metadata: { name: metadata?.name ?? '', namespace: 'default' },
    ...(spec === undefined ? {} : { spec }),
  };
}

async function deploy(text: string): Promise<TestCluster> {
  const cluster = await TestCluster.start();
  await cluster.create(DEPLOYMENT, web(text));
  await cluster.settle();
  return cluster;
}

const current = (cluster: TestCluster): Promise<Deployment> =>
  cluster.get(DEPLOYMENT, 'web', 'default');

async function roll(cluster: TestCluster, image: string): Promise<void> {
  const containers = [{ name: 'main', image }];
  await cluster.patch(DEPLOYMENT, await current(cluster), {
    spec: { template: { spec: { containers } } },
  });
}

/** `v1 x3 r1`: image, Pods and revision of each ReplicaSet, by revision. */
async function sets(cluster: TestCluster): Promise<string[]> {
  const all = await cluster.list(REPLICA_SET, 'default');
  return all
    .map(({ spec, metadata }) => {
      const image = spec?.template?.spec?.containers[0]?.image;
      return `${image} x${spec?.replicas} r${metadata?.annotations?.[REVISION]}`;
    })
    .toSorted();
}

describe('a Deployment', () => {
  it('becomes Pods that run, and reports them', async () => {
    const cluster = await deploy('replicas=3 image=v1');
    const pods = await cluster.list(POD, 'default');
    assert.deepEqual(
      pods.map(({ status }) => status?.phase),
      ['Running', 'Running', 'Running'],
    );
    const { status, metadata } = await current(cluster);
    assert.deepEqual(
      [status?.replicas, status?.readyReplicas, status?.availableReplicas],
      [3, 3, 3],
    );
    assert.deepEqual([metadata?.annotations?.[REVISION], metadata?.generation], ['1', 1]);
    const reasons = Object.fromEntries(
      (status?.conditions ?? []).map(({ type, reason }) => [type, reason]),
    );
    assert.deepEqual(reasons, {
      Available: 'MinimumReplicasAvailable',
      Progressing: 'NewReplicaSetAvailable',
    });
    const events = await cluster.list(EVENT, 'default');
    const scaling = events.find(({ reason }) => reason === 'ScalingReplicaSet');
    assert.match(scaling?.message ?? '', /^Scaled up replica set web-\w+ from 0 to 3$/);
    assert.equal(scaling?.reportingComponent, 'deployment-controller');
    await cluster.stop();
  });

  it('rolls to a new template, and back, keeping the revisions', async () => {
    const cluster = await deploy('replicas=4 image=v1 surge=1 unavailable=1');
    await roll(cluster, 'v2');
    await cluster.settle();
    assert.deepEqual(await sets(cluster), ['v1 x0 r1', 'v2 x4 r2']);
    await roll(cluster, 'v1');
    await cluster.settle();
    assert.deepEqual(await sets(cluster), ['v1 x4 r3', 'v2 x0 r2']);
    assert.equal((await current(cluster)).metadata?.annotations?.[REVISION], '3');
    await cluster.stop();
  });

  it('goes back to a revision when an annotation asks for it', async () => {
    const cluster = await deploy('replicas=2 image=v1');
    await roll(cluster, 'v2');
    await cluster.settle();
    const annotations = { 'deprecated.deployment.rollback.to': '1' };
    await cluster.patch(DEPLOYMENT, await current(cluster), { metadata: { annotations } });
    await cluster.settle();
    assert.deepEqual(await sets(cluster), ['v1 x2 r3', 'v2 x0 r2']);
    assert.deepEqual(Object.keys((await current(cluster)).metadata?.annotations ?? {}), [REVISION]);
    const events = await cluster.list(EVENT, 'default');
    const told = events.filter(({ reason }) => reason === 'DeploymentRollback');
    assert.deepEqual(
      told.map(({ message }) => message),
      ['Rolled back deployment "web" to revision 1'],
    );
    await cluster.stop();
  });

  it('keeps as many old revisions as it is told', async () => {
    const cluster = await deploy('replicas=1 image=v1 history=1');
    for (const image of ['v2', 'v3', 'v4']) {
      await roll(cluster, image);
      await cluster.settle();
    }
    assert.deepEqual(await sets(cluster), ['v3 x0 r3', 'v4 x1 r4']);
    await cluster.stop();
  });

  it('recreates: no old Pod runs beside a new one', async () => {
    const cluster = await deploy('replicas=3 image=v1 recreate');
    await roll(cluster, 'v2');
    for (let i = 0; i < 60; i++) {
      await cluster.advance(50);
      const images = new Set(
        (await cluster.list(POD, 'default')).map(({ spec }) => spec?.containers[0]?.image),
      );
      assert.ok(images.size <= 1, [...images].join());
    }
    await cluster.settle();
    assert.deepEqual(await sets(cluster), ['v1 x0 r1', 'v2 x3 r2']);
    await cluster.stop();
  });

  it('does not roll while it is paused, and goes on when it is resumed', async () => {
    const cluster = await deploy('replicas=2 image=v1');
    await cluster.patch(DEPLOYMENT, await current(cluster), { spec: { paused: true } });
    await roll(cluster, 'v2');
    await cluster.settle();
    assert.deepEqual(await sets(cluster), ['v1 x2 r1']);
    const { status } = await current(cluster);
    assert.equal(
      status?.conditions?.find(({ type }) => type === 'Progressing')?.reason,
      'DeploymentPaused',
    );
    await cluster.patch(DEPLOYMENT, await current(cluster), { spec: { paused: false } });
    await cluster.settle();
    assert.deepEqual(await sets(cluster), ['v1 x0 r1', 'v2 x2 r2']);
    await cluster.stop();
  });

  it('gives up on a rollout that does not progress, by itself', async () => {
    const cluster = await deploy('replicas=2 image=v1 deadline=60 surge=1 unavailable=0');
    cluster.killNode('node-1');
    await roll(cluster, 'v2');
    await cluster.advance(70_000);
    const { status } = await current(cluster);
    const progressing = status?.conditions?.find(({ type }) => type === 'Progressing');
    assert.deepEqual(
      [progressing?.status, progressing?.reason],
      ['False', 'ProgressDeadlineExceeded'],
    );
    await cluster.stop();
  });

  it('says why its Pods cannot be created, and recovers', async () => {
    const cluster = await TestCluster.start();
    const subject = web('replicas=2 image=v1');
    subject.spec!.template.spec!.serviceAccountName = 'robot';
    await cluster.create(DEPLOYMENT, subject);
    await cluster.advance(5_000);
    const failure = (await current(cluster)).status?.conditions?.find(
      ({ type }) => type === 'ReplicaFailure',
    );
    assert.equal(failure?.reason, 'FailedCreate');
    assert.match(failure?.message ?? '', /service account default\/robot/);
    await cluster.create(SERVICE_ACCOUNT, { metadata: { name: 'robot', namespace: 'default' } });
    await cluster.advance(60_000);
    await cluster.settle();
    const { status } = await current(cluster);
    assert.equal(status?.availableReplicas, 2);
    assert.equal(
      status?.conditions?.some(({ type }) => type === 'ReplicaFailure'),
      false,
    );
    await cluster.stop();
  });

  it('does not try again what its namespace refuses because it is going', async () => {
    const metrics = new MetricRegistry();
    const controllers = [deploymentController];
    const cluster = await TestCluster.start({ controllers, metrics });
    const shop = await cluster.create(NAMESPACE, { metadata: { name: 'shop' } });
    const { metadata, ...rest } = web('replicas=2 image=v1 paused');
    const subject = { ...rest, metadata: { ...metadata, namespace: 'shop' } };
    const created = await cluster.create(DEPLOYMENT, subject);
    await cluster.settle();
    await cluster.delete(NAMESPACE, shop);
    await cluster.patch(DEPLOYMENT, created, { spec: { paused: false } });
    await cluster.advance(60_000);
    assert.deepEqual(await cluster.list(EVENT, 'shop'), []);
    assert.equal(sampleOf(metrics, 'workqueue_retries_total{name="deployment"}'), 0);
    await cluster.stop();
  });
});

describe('deleting a Deployment', () => {
  const rows = [
    ['Background', [0, 0, 0]],
    ['Foreground', [0, 0, 0]],
    ['Orphan', [0, 1, 2]],
  ] as const;
  for (const [propagationPolicy, expected] of rows) {
    it(`${propagationPolicy} leaves ${expected.join(', ')} Deployments, ReplicaSets, Pods`, async () => {
      const cluster = await deploy('replicas=2 image=v1');
      await cluster.delete(DEPLOYMENT, await current(cluster), { propagationPolicy });
      await cluster.settle();
      const counts = [
        (await cluster.list(DEPLOYMENT, 'default')).length,
        (await cluster.list(REPLICA_SET, 'default')).length,
        (await cluster.list(POD, 'default')).length,
      ];
      assert.deepEqual(counts, expected);
      await cluster.stop();
    });
  }

  it('in the foreground goes last', async () => {
    const cluster = await deploy('replicas=2 image=v1');
    await cluster.delete(DEPLOYMENT, await current(cluster), { propagationPolicy: 'Foreground' });
    await cluster.advance(200);
    const { metadata } = await current(cluster);
    assert.deepEqual(metadata?.finalizers, ['foregroundDeletion']);
    assert.equal((await cluster.list(POD, 'default')).length, 2, 'Pods are still stopping');
    await cluster.stop();
  });

  it('lets what was orphaned be adopted by its successor', async () => {
    const cluster = await deploy('replicas=2 image=v1');
    const before = (await cluster.list(POD, 'default'))
      .map(({ metadata }) => metadata?.uid ?? '')
      .toSorted();
    await cluster.delete(DEPLOYMENT, await current(cluster), { propagationPolicy: 'Orphan' });
    await cluster.settle();
    await cluster.create(DEPLOYMENT, web('replicas=2 image=v1'));
    await cluster.settle();
    const after = (await cluster.list(POD, 'default'))
      .map(({ metadata }) => metadata?.uid ?? '')
      .toSorted();
    assert.deepEqual(after, before);
    await cluster.stop();
  });
});
