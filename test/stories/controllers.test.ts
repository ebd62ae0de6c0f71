/** Stories of the smaller controllers in a whole cluster. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { ENDPOINTS } from '#api/core/endpoints.ts';
import { EVENT } from '#api/core/event.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { NODE } from '#api/core/node.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { REPLICATION_CONTROLLER } from '#api/core/replication-controller.ts';
import { SERVICE } from '#api/core/service.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { ReplicaSet } from '#api/gen/apps-v1.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, PodSpec } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { VOLUME_ATTRIBUTES_CLASS } from '#api/storage/volume-attributes-class.ts';
import { TestCluster } from '#kit/cluster.ts';

const LABELS = { app: 'web' };
const SPEC: PodSpec = {
  containers: [{ name: 'main', image: 'web', ports: [{ name: 'http', containerPort: 8080 }] }],
};

function pod(name: string, labels: Record<string, string> = LABELS): Pod {
  return { metadata: { name, namespace: 'default', labels }, spec: SPEC };
}

function replicaSet(replicas: number, minReadySeconds = 0): ReplicaSet {
  const template = { metadata: { labels: LABELS }, spec: SPEC };
  return {
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas, minReadySeconds, selector: { matchLabels: LABELS }, template },
  };
}

const podsOf = async (cluster: TestCluster): Promise<Pod[]> => cluster.list(POD, 'default');
const namesOf = (pods: readonly Pod[]): string[] =>
  pods.map(({ metadata }) => metadata?.name ?? '').toSorted();

describe('a ReplicaSet', () => {
  it('adopts what matches, and releases what no longer does', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(POD, pod('orphan'));
    await cluster.create(POD, pod('stranger', { app: 'other' }));
    await cluster.create(REPLICA_SET, replicaSet(2));
    await cluster.settle();
    const owned = (await podsOf(cluster)).filter((each) => controllerOf(each)?.name === 'web');
    assert.equal(owned.length, 2);
    assert.ok(namesOf(owned).includes('orphan'));
    await cluster.patch(POD, pod('orphan'), { metadata: { labels: { app: 'free' } } });
    await cluster.settle();
    const orphan = await cluster.get(POD, 'orphan', 'default');
    assert.equal(controllerOf(orphan), undefined);
    assert.equal((await podsOf(cluster)).length, 4, 'replaced');
    await cluster.stop();
  });

  it('replaces Pods that are deleted, and says so', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(REPLICA_SET, replicaSet(2));
    await cluster.settle();
    const [first] = await podsOf(cluster);
    await cluster.delete(POD, first!);
    await cluster.advance(100);
    const running = (await podsOf(cluster)).filter(
      ({ metadata }) => metadata?.deletionTimestamp === undefined,
    );
    assert.equal(running.length, 2, 'within a tenth of a second');
    await cluster.settle();
    const events = await cluster.list(EVENT, 'default');
    assert.equal(events.filter(({ reason }) => reason === 'SuccessfulCreate').length, 3);
    await cluster.stop();
  });

  it('counts a Pod as available after minReadySeconds, with no event to wake it', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(REPLICA_SET, replicaSet(1, 30));
    await cluster.advance(20_000);
    const before = await cluster.get(REPLICA_SET, 'web', 'default');
    assert.deepEqual([before.status?.readyReplicas, before.status?.availableReplicas ?? 0], [1, 0]);
    await cluster.advance(20_000);
    const after = await cluster.get(REPLICA_SET, 'web', 'default');
    assert.equal(after.status?.availableReplicas, 1);
    await cluster.stop();
  });
});

describe('a ReplicationController', () => {
  it('keeps its Pods as a ReplicaSet does', async () => {
    const cluster = await TestCluster.start();
    const template = { metadata: { labels: LABELS }, spec: SPEC };
    await cluster.create(REPLICATION_CONTROLLER, {
      metadata: { name: 'rc', namespace: 'default' },
      spec: { replicas: 2, selector: LABELS, template },
    });
    await cluster.settle();
    const { status } = await cluster.get(REPLICATION_CONTROLLER, 'rc', 'default');
    assert.deepEqual([status?.replicas, status?.availableReplicas], [2, 2]);
    await cluster.stop();
  });
});

describe('a Service', () => {
  it('has endpoints that follow its Pods', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(SERVICE, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: LABELS, ports: [{ port: 80, targetPort: 'http' }] },
    });
    await cluster.create(REPLICA_SET, replicaSet(2));
    await cluster.settle();
    const targets = async (): Promise<string[]> =>
      (await cluster.list(ENDPOINT_SLICE, 'default'))
        .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === 'web')
        .flatMap(({ endpoints, ports }) =>
          (endpoints ?? []).map((endpoint) => `${endpoint.targetRef?.name}:${ports?.[0]?.port}`),
        )
        .toSorted();
    const wanted = async (): Promise<string[]> =>
      namesOf(await podsOf(cluster)).map((name) => `${name}:8080`);
    assert.deepEqual(await targets(), await wanted());
    const { subsets } = await cluster.get(ENDPOINTS, 'web', 'default');
    assert.equal(subsets?.[0]?.addresses?.length, 2);
    await cluster.patch(REPLICA_SET, replicaSet(2), { spec: { replicas: 3 } });
    await cluster.settle();
    assert.deepEqual(await targets(), await wanted());
    assert.equal((await targets()).length, 3);
    await cluster.delete(SERVICE, { metadata: { name: 'web', namespace: 'default' } });
    await cluster.settle();
    assert.deepEqual(await targets(), [], 'the garbage collector takes the slices');
    await assert.rejects(cluster.get(ENDPOINTS, 'web', 'default'), { reason: 'NotFound' });
    await cluster.stop();
  });
});

describe('a Namespace', () => {
  it('gets a service account and the cluster’s CA, again when they are deleted', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(NAMESPACE, { metadata: { name: 'shop' } });
    await cluster.settle();
    await cluster.delete(SERVICE_ACCOUNT, await cluster.get(SERVICE_ACCOUNT, 'default', 'shop'));
    await cluster.delete(CONFIG_MAP, await cluster.get(CONFIG_MAP, 'kube-root-ca.crt', 'shop'));
    await cluster.settle();
    await cluster.get(SERVICE_ACCOUNT, 'default', 'shop');
    assert.equal(
      (await cluster.get(CONFIG_MAP, 'kube-root-ca.crt', 'shop')).data?.['ca.crt'],
      'test CA',
    );
    await cluster.stop();
  });

  it('goes with everything in it, pods first', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(NAMESPACE, { metadata: { name: 'shop' } });
    await cluster.settle();
    await cluster.create(POD, { ...pod('web'), metadata: { name: 'web', namespace: 'shop' } });
    await cluster.create(CONFIG_MAP, { metadata: { name: 'settings', namespace: 'shop' } });
    await cluster.settle();
    await cluster.delete(NAMESPACE, { metadata: { name: 'shop' } });
    await cluster.advance(100);
    const { status } = await cluster.get(NAMESPACE, 'shop');
    assert.equal(status?.phase, 'Terminating');
    const remaining = status?.conditions?.find(({ type }) => type === 'NamespaceContentRemaining');
    assert.equal(
      remaining?.message,
      'Some resources are remaining: pods. has 1 resource instances',
    );
    assert.equal((await cluster.list(CONFIG_MAP, 'shop')).length, 2, 'the rest waits for the pod');
    await cluster.settle();
    await assert.rejects(cluster.get(NAMESPACE, 'shop'), { reason: 'NotFound' });
    assert.deepEqual(await cluster.list(CONFIG_MAP, 'shop'), []);
    await cluster.stop();
  });

  it('says which Pods outlive their grace, and looks again at least once a minute', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(NAMESPACE, { metadata: { name: 'shop' } });
    await cluster.settle();
    await cluster.create(POD, { ...pod('web'), metadata: { name: 'web', namespace: 'shop' } });
    await cluster.settle();
    cluster.killNode('node-1');
    await cluster.delete(NAMESPACE, { metadata: { name: 'shop' } });
    await cluster.advance(200_000);
    const { status } = await cluster.get(NAMESPACE, 'shop');
    const failure = status?.conditions?.find(
      ({ type }) => type === 'NamespaceDeletionContentFailure',
    );
    assert.equal(
      failure?.message,
      'Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: shop for gvr: /v1, Resource=pods',
    );
    const before = cluster.manager?.states().find(({ name }) => name === 'namespace-controller');
    await cluster.advance(121_000);
    const after = cluster.manager?.states().find(({ name }) => name === 'namespace-controller');
    assert.ok(after!.failures - before!.failures >= 2);
    await cluster.stop();
  });

  it('waits for finalizers, and names them', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(NAMESPACE, { metadata: { name: 'shop' } });
    await cluster.settle();
    const held = {
      metadata: { name: 'held', namespace: 'shop', finalizers: ['example.com/hold'] },
    };
    await cluster.create(CONFIG_MAP, held);
    await cluster.delete(NAMESPACE, { metadata: { name: 'shop' } });
    await cluster.advance(1_000);
    const { status } = await cluster.get(NAMESPACE, 'shop');
    const waits = status?.conditions?.find(({ type }) => type === 'NamespaceFinalizersRemaining');
    assert.equal(
      waits?.message,
      'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    );
    await cluster.patch(CONFIG_MAP, held, { metadata: { finalizers: null } });
    await cluster.advance(20_000);
    await assert.rejects(cluster.get(NAMESPACE, 'shop'), { reason: 'NotFound' });
    await cluster.stop();
  });
});

describe('a Node', () => {
  it('gets a range of addresses and no taints when it is well', async () => {
    const cluster = await TestCluster.start({ nodes: 3 });
    const nodes = await cluster.list(NODE);
    const ranges = nodes.map(({ spec }) => spec?.podCIDR ?? '').toSorted();
    assert.deepEqual(ranges, ['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24']);
    assert.deepEqual(
      nodes.flatMap(({ spec }) => spec?.taints ?? []),
      [],
    );
    assert.deepEqual(
      nodes.map(({ metadata }) => metadata?.annotations?.['node.alpha.kubernetes.io/ttl']),
      ['0', '0', '0'],
    );
    await cluster.stop();
  });

  it('that dies is noticed, and its Pods are replaced when their patience ends', async () => {
    const cluster = await TestCluster.start({ nodes: 2 });
    await cluster.create(REPLICA_SET, replicaSet(4));
    await cluster.settle();
    cluster.killNode('node-1');
    await cluster.advance(70_000);
    const { status, spec } = await cluster.get(NODE, 'node-1');
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    assert.deepEqual([ready?.status, ready?.reason], ['Unknown', 'NodeStatusUnknown']);
    assert.deepEqual(spec?.taints?.map(({ key, effect }) => `${key}:${effect}`).toSorted(), [
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ]);
    const lost = (await podsOf(cluster)).filter(({ spec: of }) => of?.nodeName === 'node-1');
    assert.ok(lost.length > 0);
    for (const each of lost)
      assert.equal(each.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'False');
    await cluster.advance(300_000);
    const alive = (await podsOf(cluster)).filter(
      ({ metadata }) => metadata?.deletionTimestamp === undefined,
    );
    assert.deepEqual(
      alive.map(({ spec: of }) => of?.nodeName),
      ['node-2', 'node-2', 'node-2', 'node-2'],
    );
    await cluster.delete(NODE, { metadata: { name: 'node-1' } });
    await cluster.advance(90_000);
    assert.equal((await podsOf(cluster)).length, 4, 'what was left on the dead node is collected');
    await cluster.stop();
  });

  it('that comes back loses its taints, and keeps the Pods that were patient', async () => {
    const cluster = await TestCluster.start({ nodes: 2 });
    await cluster.create(REPLICA_SET, replicaSet(4));
    await cluster.settle();
    const before = namesOf(await podsOf(cluster));
    cluster.killNode('node-1');
    await cluster.advance(120_000);
    cluster.startNode('node-1');
    await cluster.settle();
    assert.deepEqual((await cluster.get(NODE, 'node-1')).spec?.taints ?? [], []);
    assert.deepEqual(namesOf(await podsOf(cluster)), before);
    const { status } = await cluster.get(REPLICA_SET, 'web', 'default');
    assert.equal(status?.readyReplicas, 4);
    await cluster.stop();
  });

  it('is not given up when all nodes are gone at once', async () => {
    const cluster = await TestCluster.start({ nodes: 2 });
    for (const name of cluster.nodeNames) cluster.killNode(name);
    await cluster.advance(400_000);
    const taints = (await cluster.list(NODE)).flatMap(({ spec }) => spec?.taints ?? []);
    assert.deepEqual(
      taints.filter(({ effect }) => effect === 'NoExecute'),
      [],
    );
    await cluster.stop();
  });
});

describe('the garbage collector', () => {
  it('takes what names an owner that never was, or one in another namespace', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(NAMESPACE, { metadata: { name: 'shop' } });
    const owner = await cluster.create(CONFIG_MAP, {
      metadata: { name: 'owner', namespace: 'default' },
    });
    const reference = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'owner',
      uid: owner.metadata?.uid ?? '',
    };
    const dependent = (
      name: string,
      namespace: string,
      uid = reference.uid,
    ): Parameters<typeof cluster.create<typeof owner>>[1] => ({
      metadata: { name, namespace, ownerReferences: [{ ...reference, uid }] },
    });
    await cluster.create(CONFIG_MAP, dependent('good', 'default'));
    await cluster.create(CONFIG_MAP, dependent('dangling', 'default', 'no-such-uid'));
    await cluster.create(CONFIG_MAP, dependent('elsewhere', 'shop'));
    await cluster.settle();
    const left = [
      ...(await cluster.list(CONFIG_MAP, 'default')),
      ...(await cluster.list(CONFIG_MAP, 'shop')),
    ]
      .map(({ metadata }) => metadata?.name ?? '')
      .filter((name) => name !== 'kube-root-ca.crt');
    assert.deepEqual(left.toSorted(), ['good', 'owner']);
    const events = await cluster.list(EVENT, 'shop');
    assert.ok(events.some(({ reason }) => reason === 'OwnerRefInvalidNamespace'));
    await cluster.stop();
  });

  it('takes dead owners off what has a living one', async () => {
    const cluster = await TestCluster.start();
    const owners = [];
    for (const name of ['a', 'b'])
      owners.push(await cluster.create(CONFIG_MAP, { metadata: { name, namespace: 'default' } }));
    const ownerReferences = owners.map(({ metadata }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: metadata?.name ?? '',
      uid: metadata?.uid ?? '',
    }));
    await cluster.create(CONFIG_MAP, {
      metadata: { name: 'child', namespace: 'default', ownerReferences },
    });
    await cluster.settle();
    await cluster.delete(CONFIG_MAP, owners[0]!);
    await cluster.settle();
    const child = await cluster.get(CONFIG_MAP, 'child', 'default');
    assert.deepEqual(
      child.metadata?.ownerReferences?.map(({ name }) => name),
      ['b'],
    );
    await cluster.delete(CONFIG_MAP, owners[1]!);
    await cluster.settle();
    await assert.rejects(cluster.get(CONFIG_MAP, 'child', 'default'), { reason: 'NotFound' });
    await cluster.stop();
  });
});

describe('a cluster', () => {
  it('falls silent when nothing is left to do', async () => {
    const cluster = await TestCluster.start({ nodes: 2 });
    await cluster.create(REPLICA_SET, replicaSet(3));
    await cluster.settle();
    const { writes } = cluster;
    await cluster.advance(600_000);
    assert.equal(cluster.writes, writes);
    await cluster.stop();
  });

  it('repeats itself from one seed', async () => {
    const names = async (): Promise<string[]> => {
      const cluster = await TestCluster.start({ seed: 5, nodes: 2 });
      await cluster.create(REPLICA_SET, replicaSet(3));
      await cluster.settle();
      const found = (await podsOf(cluster)).map(
        ({ metadata, spec }) => `${metadata?.name} ${spec?.nodeName} ${metadata?.resourceVersion}`,
      );
      await cluster.stop();
      return found;
    };
    assert.deepEqual(await names(), await names());
  });
});

describe('storage in use', () => {
  const resources = { requests: { storage: '1Gi' } };
  const claim: PersistentVolumeClaim = {
    metadata: { name: 'data', namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources },
  };
  const volume: PersistentVolume = {
    metadata: { name: 'disk' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: '/d' },
    },
  };
  const user: Pod = {
    metadata: { name: 'user', namespace: 'default' },
    spec: {
      containers: [{ name: 'main', image: 'web' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
    },
  };
  const namesIn = async (cluster: TestCluster): Promise<string[]> =>
    (await cluster.list(PERSISTENT_VOLUME_CLAIM, 'default')).map(
      ({ metadata }) => metadata?.name ?? '',
    );

  it('a claim stays until no Pod with a node uses it', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim);
    await cluster.create(POD, { ...user, spec: { ...SPEC, ...user.spec, nodeName: 'node-1' } });
    await cluster.settle();
    await cluster.delete(PERSISTENT_VOLUME_CLAIM, claim);
    await cluster.settle();
    assert.deepEqual(await namesIn(cluster), ['data']);
    await cluster.delete(POD, user, { gracePeriodSeconds: 0 });
    await cluster.settle();
    assert.deepEqual(await namesIn(cluster), []);
    await cluster.stop();
  });

  it('a claim goes before the Pod that owns it, once the kubelet is done with that', async () => {
    const cluster = await TestCluster.start();
    const held = {
      metadata: { ...user.metadata, finalizers: ['example.com/wait'] },
      spec: { ...SPEC, ...user.spec, nodeName: 'node-1' },
    };
    const { metadata } = await cluster.create(POD, held);
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'user', uid: metadata?.uid ?? '' };
    const ownerReferences = [{ ...owner, controller: true }];
    await cluster.create(PERSISTENT_VOLUME_CLAIM, {
      ...claim,
      metadata: { ...claim.metadata, ownerReferences },
    });
    await cluster.settle();
    await cluster.delete(PERSISTENT_VOLUME_CLAIM, claim);
    await cluster.settle();
    assert.deepEqual(await namesIn(cluster), ['data'], 'while the Pod runs');
    await cluster.delete(POD, held);
    await cluster.settle();
    assert.equal((await podsOf(cluster)).length, 1, 'its finalizer holds it');
    assert.deepEqual(await namesIn(cluster), []);
    await cluster.stop();
  });

  it('a claim that nobody uses goes at once, and a Pod without a node uses none', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim);
    await cluster.create(POD, {
      ...user,
      spec: { ...SPEC, ...user.spec, schedulingGates: [{ name: 'example.com/wait' }] },
    });
    await cluster.settle();
    await cluster.delete(PERSISTENT_VOLUME_CLAIM, claim);
    await cluster.settle();
    assert.deepEqual(await namesIn(cluster), []);
    await cluster.stop();
  });

  it('a volume stays as long as it is bound', async () => {
    const cluster = await TestCluster.start();
    const stored = await cluster.create(PERSISTENT_VOLUME, volume);
    const bound = { ...stored, status: { phase: 'Bound' as const } };
    await cluster.client.update(PERSISTENT_VOLUME, bound, 'status');
    await cluster.delete(PERSISTENT_VOLUME, volume);
    await cluster.settle();
    const kept = await cluster.get(PERSISTENT_VOLUME, 'disk');
    assert.deepEqual(kept.metadata?.finalizers, ['kubernetes.io/pv-protection']);
    await cluster.client.update(
      PERSISTENT_VOLUME,
      { ...kept, status: { phase: 'Released' } },
      'status',
    );
    await cluster.settle();
    assert.deepEqual(await cluster.list(PERSISTENT_VOLUME), []);
    await cluster.stop();
  });

  it('a class of attributes stays as long as a claim names it', async () => {
    const cluster = await TestCluster.start();
    const gold = { metadata: { name: 'gold' }, driverName: 'example.com', parameters: { a: 'b' } };
    await cluster.create(VOLUME_ATTRIBUTES_CLASS, gold);
    await cluster.create(PERSISTENT_VOLUME_CLAIM, {
      ...claim,
      spec: { ...claim.spec, volumeAttributesClassName: 'gold' },
    });
    await cluster.delete(VOLUME_ATTRIBUTES_CLASS, gold);
    await cluster.settle();
    assert.equal((await cluster.list(VOLUME_ATTRIBUTES_CLASS)).length, 1);
    await cluster.delete(PERSISTENT_VOLUME_CLAIM, claim);
    await cluster.settle();
    assert.deepEqual(await cluster.list(VOLUME_ATTRIBUTES_CLASS), []);
    await cluster.stop();
  });
});
