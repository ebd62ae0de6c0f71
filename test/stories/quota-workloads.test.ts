/** Stories of workloads whose Pods a ResourceQuota refuses: what they say, and that they go on. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { JOB } from '#api/batch/job.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { POD } from '#api/core/pod.ts';
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import { RESOURCE_QUOTA } from '#api/core/resource-quota.ts';
import { isNotFound } from '#api/meta/status.ts';
import { replicaSet } from '#kit/builders.ts';
import { TestCluster } from '#kit/cluster.ts';
import { eventsAbout, job, readJob } from '#kit/jobs.ts';

/** How long whoever was refused again and again waits at most before the next try. */
const BACKOFF_MS_MAX = 1_000_000;

async function clusterWith(pods: string, namespace = 'default'): Promise<TestCluster> {
  const cluster = await TestCluster.start();
  if (namespace !== 'default') await cluster.create(NAMESPACE, { metadata: { name: namespace } });
  await cluster.create(RESOURCE_QUOTA, {
    metadata: { name: 'limit', namespace },
    spec: { hard: { pods, 'count/configmaps': '5' } },
  });
  await cluster.advance(1000);
  return cluster;
}

function allow(cluster: TestCluster, pods: string): Promise<unknown> {
  const quota = { metadata: { name: 'limit', namespace: 'default' } };
  return cluster.patch(RESOURCE_QUOTA, quota, { spec: { hard: { pods } } });
}

describe('a quota and those who make Pods', () => {
  const labels = { app: 'web' };
  const controller = {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      selector: labels,
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web' }] } },
    },
  };
  for (const [kind, make] of [
    [
      'ReplicaSet',
      (cluster: TestCluster) => cluster.create(REPLICA_SET, replicaSet('web replicas=3')),
    ],
    [
      'ReplicationController',
      (cluster: TestCluster) => cluster.create(REPLICATION_CONTROLLER, controller),
    ],
  ] as const)
    it(`lets a ${kind} say what it is refused, until there is room`, async () => {
      const cluster = await clusterWith('2');
      await make(cluster);
      await cluster.settle();
      const read = async () =>
        kind === 'ReplicaSet'
          ? cluster.get(REPLICA_SET, 'web', 'default')
          : cluster.get(REPLICATION_CONTROLLER, 'web', 'default');
      const { status } = await read();
      const [condition] = status?.conditions ?? [];
      assert.equal(status?.replicas, 2);
      assert.deepEqual(
        [condition?.type, condition?.status, condition?.reason],
        ['ReplicaFailure', 'True', 'FailedCreate'],
      );
      assert.match(
        condition?.message ?? '',
        /^pods "web-\w{5}" is forbidden: exceeded quota: limit, requested: pods=1, used: pods=2, limited: pods=2$/,
      );
      const events = await eventsAbout(cluster, kind);
      const refused =
        /^Warning FailedCreate: Error creating: pods "web-\w{5}" is forbidden: exceeded quota: limit,/;
      assert.ok(events.some((text) => refused.test(text)));
      await allow(cluster, '3');
      await cluster.advance(BACKOFF_MS_MAX);
      const whole = (await read()).status;
      assert.equal(whole?.readyReplicas, 3);
      assert.deepEqual(whole.conditions ?? [], []);
      await cluster.stop();
    });

  it('lets a Job go on when there is room', async () => {
    const cluster = await clusterWith('1');
    await cluster.create(POD, {
      metadata: { name: 'other', namespace: 'default' },
      spec: { containers: [{ name: 'main', image: 'web' }] },
    });
    await cluster.create(JOB, job({ completions: 3, parallelism: 3 }, { runMs: 5_000 }));
    await cluster.settle();
    assert.equal((await readJob(cluster)).status?.active ?? 0, 0);
    await allow(cluster, '2');
    await cluster.advance(3 * BACKOFF_MS_MAX);
    assert.equal((await readJob(cluster)).status?.succeeded, 3);
    await cluster.stop();
  });

  it('does not keep a Namespace from going', async () => {
    const cluster = await clusterWith('0', 'full');
    await cluster.create(CONFIG_MAP, { metadata: { name: 'one', namespace: 'full' } });
    await cluster.create(REPLICA_SET, {
      ...replicaSet('web replicas=3'),
      metadata: { name: 'web', namespace: 'full' },
    });
    await cluster.settle();
    await cluster.delete(NAMESPACE, { metadata: { name: 'full' } });
    await cluster.settle();
    await assert.rejects(cluster.get(NAMESPACE, 'full'), isNotFound);
    await cluster.stop();
  });
});
