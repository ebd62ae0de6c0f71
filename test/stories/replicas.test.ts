/** Stories of ReplicaSets and ReplicationControllers: what they count, and what they do not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { POD } from '#api/core/pod.ts';
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { ReplicaSet, ReplicaSetStatus } from '#api/gen/apps-v1.ts';
import type {
  PodSpec,
  PodTemplateSpec,
  ReplicationController,
  ReplicationControllerStatus,
} from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { Informer } from '#client/informer.ts';
import { TestCluster } from '#kit/cluster.ts';

const SELECTED = { app: 'web' };
const PLACE = { name: 'web', namespace: 'default' };

interface Wanted {
  readonly replicas: number;
  readonly minReadySeconds?: number;
  readonly pod?: Partial<PodSpec>;
}

const podSpec = (spec: Partial<PodSpec> = {}): PodSpec => ({
  containers: [{ name: 'main', image: 'web' }],
  ...spec,
});
const templateOf = (spec?: Partial<PodSpec>): PodTemplateSpec => ({
  metadata: { labels: { ...SELECTED, tier: 'front' } },
  spec: podSpec(spec),
});

/** One of the two kinds, named `web`. */
interface Subject {
  readonly name: string;
  readonly create: (cluster: TestCluster, wanted: Wanted) => Promise<unknown>;
  readonly scale: (cluster: TestCluster, replicas: number) => Promise<unknown>;
  readonly status: (
    cluster: TestCluster,
  ) => Promise<ReplicaSetStatus | ReplicationControllerStatus | undefined>;
}

const SUBJECTS: readonly Subject[] = [
  {
    name: 'a ReplicaSet',
    create: (cluster, { pod, ...wanted }) =>
      cluster.create(REPLICA_SET, {
        metadata: PLACE,
        spec: { ...wanted, selector: { matchLabels: SELECTED }, template: templateOf(pod) },
      }),
    scale: (cluster, replicas) =>
      cluster.patch<ReplicaSet>(REPLICA_SET, { metadata: PLACE }, { spec: { replicas } }),
    status: async (cluster) => (await cluster.get(REPLICA_SET, 'web', 'default')).status,
  },
  {
    name: 'a ReplicationController',
    create: (cluster, { pod, ...wanted }) =>
      cluster.create(REPLICATION_CONTROLLER, {
        metadata: PLACE,
        spec: { ...wanted, selector: SELECTED, template: templateOf(pod) },
      }),
    scale: (cluster, replicas) =>
      cluster.patch<ReplicationController>(
        REPLICATION_CONTROLLER,
        { metadata: PLACE },
        { spec: { replicas } },
      ),
    status: async (cluster) => (await cluster.get(REPLICATION_CONTROLLER, 'web', 'default')).status,
  },
];

for (const { name, create, scale, status } of SUBJECTS) {
  describe(name, () => {
    it('counts those of its Pods that have all labels of its template', async () => {
      const cluster = await TestCluster.start();
      const metadata = { name: 'orphan', namespace: 'default', labels: SELECTED };
      await cluster.create(POD, { metadata, spec: podSpec() });
      await create(cluster, { replicas: 3 });
      await cluster.settle();
      const orphan = await cluster.get(POD, 'orphan', 'default');
      assert.equal(controllerOf(orphan)?.name, 'web');
      const { replicas, fullyLabeledReplicas } = (await status(cluster)) ?? {};
      assert.deepEqual([replicas, fullyLabeledReplicas], [3, 2]);
      await cluster.stop();
    });

    it('counts a Pod as ready, and as available only after minReadySeconds', async () => {
      const cluster = await TestCluster.start();
      await create(cluster, { replicas: 1, minReadySeconds: 30 });
      await cluster.advance(20_000);
      const early = await status(cluster);
      assert.deepEqual(
        [early?.replicas, early?.readyReplicas, early?.availableReplicas],
        [1, 1, undefined],
      );
      await cluster.advance(20_000);
      assert.equal((await status(cluster))?.availableReplicas, 1);
      await cluster.stop();
    });

    it('says which generation its numbers are of', async () => {
      const cluster = await TestCluster.start();
      await create(cluster, { replicas: 1 });
      await cluster.settle();
      assert.equal((await status(cluster))?.observedGeneration, 1);
      await scale(cluster, 2);
      await cluster.settle();
      const { observedGeneration, replicas } = (await status(cluster)) ?? {};
      assert.deepEqual([observedGeneration, replicas], [2, 2]);
      await cluster.stop();
    });

    it('says why its Pods cannot be created, and takes it back', async () => {
      const cluster = await TestCluster.start();
      await create(cluster, { replicas: 1, pod: { serviceAccountName: 'robot' } });
      await cluster.advance(5_000);
      const [failure] = (await status(cluster))?.conditions ?? [];
      assert.deepEqual(
        [failure?.type, failure?.status, failure?.reason],
        ['ReplicaFailure', 'True', 'FailedCreate'],
      );
      assert.match(failure?.message ?? '', /service account default\/robot/);
      await cluster.create(SERVICE_ACCOUNT, { metadata: { name: 'robot', namespace: 'default' } });
      await cluster.advance(60_000);
      const after = await status(cluster);
      assert.deepEqual([after?.conditions, after?.availableReplicas], [undefined, 1]);
      await cluster.stop();
    });
  });
}

describe('a ReplicaSet that is scaled down', () => {
  it('counts the Pods that are still stopping', async () => {
    const { create, scale } = SUBJECTS[0]!;
    const delays = { startMs: 100, readyMs: 100, stopMs: 20_000 };
    const cluster = await TestCluster.start({ delays });
    await create(cluster, { replicas: 3 });
    await cluster.settle();
    const told: (readonly [replicas: number | undefined, terminating: number | undefined])[] = [];
    const { client, environment } = cluster;
    const informer = new Informer({ client, environment, type: REPLICA_SET });
    informer.onChange(({ object: { status } }) =>
      told.push([status?.replicas, status?.terminatingReplicas]),
    );
    const watching = new AbortController();
    informer.start(watching.signal);
    await scale(cluster, 1);
    await cluster.advance(5_000);
    const read = async (): Promise<(number | undefined)[]> => {
      const { status } = await cluster.get(REPLICA_SET, 'web', 'default');
      return [status?.replicas, status?.terminatingReplicas];
    };
    assert.deepEqual(await read(), [1, 2]);
    await cluster.advance(30_000);
    assert.deepEqual(await read(), [1, 0]);
    watching.abort();
    const sums = told.map(([replicas = 0, terminating = 0]) => replicas + terminating);
    assert.deepEqual([...new Set(sums)], [3, 2, 1], 'none is forgotten before it is gone');
    await cluster.stop();
  });
});
