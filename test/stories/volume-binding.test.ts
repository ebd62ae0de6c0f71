/** Stories of claims and volumes that find each other, and part. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { RESOURCE_QUOTA } from '#api/core/resource-quota.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
} from '#api/gen/core-v1.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { TestCluster } from '#kit/cluster.ts';
import { sampleOf } from '#kit/metrics.ts';

const NAMESPACE = 'default';

function claim(name: string, spec: Partial<PersistentVolumeClaimSpec> = {}): PersistentVolumeClaim {
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: '',
      ...spec,
    },
  };
}

function volume(name: string, spec: Partial<PersistentVolumeSpec> = {}): PersistentVolume {
  return {
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: `/${name}` },
      ...spec,
    },
  };
}

const start = (metrics = new MetricRegistry()): Promise<TestCluster> =>
  TestCluster.start({ bindsVolumes: true, metrics });
const getClaim = (cluster: TestCluster, name: string): Promise<PersistentVolumeClaim> =>
  cluster.get(PERSISTENT_VOLUME_CLAIM, name, NAMESPACE);
const getVolume = (cluster: TestCluster, name: string): Promise<PersistentVolume> =>
  cluster.get(PERSISTENT_VOLUME, name);

/** `reason: message` of the events about an object. */
async function told(cluster: TestCluster, name: string, namespace = NAMESPACE): Promise<string[]> {
  const events = await cluster.list(EVENT, namespace);
  return events
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
}

describe('a claim without a class', () => {
  it('is bound to the volume that suits it best, and both say so', async () => {
    const cluster = await start();
    await cluster.create(PERSISTENT_VOLUME, volume('large', { capacity: { storage: '5Gi' } }));
    await cluster.create(PERSISTENT_VOLUME, volume('small', { capacity: { storage: '2Gi' } }));
    await cluster.settle();
    assert.equal((await getVolume(cluster, 'small')).status?.phase, 'Available');
    const made = await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.settle();
    const bound = await getClaim(cluster, 'data');
    assert.equal(bound.spec?.volumeName, 'small');
    assert.deepEqual(bound.metadata?.annotations, {
      'pv.kubernetes.io/bind-completed': 'yes',
      'pv.kubernetes.io/bound-by-controller': 'yes',
    });
    assert.deepEqual(bound.status, {
      phase: 'Bound',
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '2Gi' },
    });
    const kept = await getVolume(cluster, 'small');
    const { resourceVersion, ...reference } = kept.spec?.claimRef ?? {};
    assert.equal(resourceVersion, made.metadata?.resourceVersion);
    assert.deepEqual(reference, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      name: 'data',
      namespace: NAMESPACE,
      uid: made.metadata?.uid,
    });
    assert.deepEqual(kept.metadata?.annotations, { 'pv.kubernetes.io/bound-by-controller': 'yes' });
    assert.equal(kept.status?.phase, 'Bound');
    assert.equal((await getVolume(cluster, 'large')).status?.phase, 'Available');
    await cluster.stop();
  });

  it('says that it finds none, and takes one as soon as it comes', async () => {
    const cluster = await start();
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.settle();
    assert.deepEqual(await told(cluster, 'data'), [
      'Normal FailedBinding: no persistent volumes available for this claim and no storage class is set',
    ]);
    await cluster.create(PERSISTENT_VOLUME, volume('disk'));
    await cluster.advance(100);
    assert.equal((await getClaim(cluster, 'data')).status?.phase, 'Bound');
    await cluster.stop();
  });

  it('is one of many that get a volume each', async () => {
    const cluster = await start();
    const names = Array.from({ length: 12 }, (_, nth) => `n${nth}`);
    for (const name of names) await cluster.create(PERSISTENT_VOLUME, volume(name));
    for (const name of names) await cluster.create(PERSISTENT_VOLUME_CLAIM, claim(name));
    await cluster.settle();
    const claims = await cluster.list(PERSISTENT_VOLUME_CLAIM, NAMESPACE);
    assert.equal(new Set(claims.map(({ spec }) => spec?.volumeName)).size, names.length);
    assert.ok(claims.every(({ status }) => status?.phase === 'Bound'));
    await cluster.stop();
  });
});

describe('a claim and a volume that name each other', () => {
  it('the claim that a volume is kept for gets it, a better one or not', async () => {
    const cluster = await start();
    const claimRef = { name: 'data', namespace: NAMESPACE };
    const kept = volume('kept', { claimRef, capacity: { storage: '9Gi' }, storageClassName: 'x' });
    await cluster.create(PERSISTENT_VOLUME, kept);
    await cluster.create(PERSISTENT_VOLUME, volume('better'));
    await cluster.settle();
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.settle();
    assert.equal((await getClaim(cluster, 'data')).spec?.volumeName, 'kept');
    assert.equal((await getVolume(cluster, 'kept')).metadata?.annotations, undefined);
    await cluster.stop();
  });

  it('a claim waits for the volume that it names', async () => {
    const cluster = await start();
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data', { volumeName: 'mine' }));
    await cluster.settle();
    assert.equal((await getClaim(cluster, 'data')).status?.phase, 'Pending');
    await cluster.create(PERSISTENT_VOLUME, volume('mine'));
    await cluster.advance(100);
    const bound = await getClaim(cluster, 'data');
    assert.equal(bound.status?.phase, 'Bound');
    assert.deepEqual(bound.metadata?.annotations, { 'pv.kubernetes.io/bind-completed': 'yes' });
    await cluster.stop();
  });

  it('the second claim that names a volume is told that it has come too late', async () => {
    const cluster = await start();
    await cluster.create(PERSISTENT_VOLUME, volume('disk'));
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('first', { volumeName: 'disk' }));
    await cluster.settle();
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('second', { volumeName: 'disk' }));
    await cluster.settle();
    assert.deepEqual(await told(cluster, 'second'), [
      'Warning FailedBinding: volume "disk" already bound to a different claim.',
    ]);
    assert.equal((await getClaim(cluster, 'second')).status?.phase, 'Pending');
    await cluster.stop();
  });

  it('a volume of another mode is refused on both sides', async () => {
    const cluster = await start();
    const made = await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    const claimRef = { name: 'data', namespace: NAMESPACE, uid: made.metadata?.uid ?? '' };
    await cluster.create(PERSISTENT_VOLUME, volume('raw', { volumeMode: 'Block', claimRef }));
    await cluster.settle();
    const why = 'due to incompatible volumeMode.';
    assert.ok(
      (await told(cluster, 'data')).includes(
        `Warning VolumeMismatch: Cannot bind PersistentVolume "raw" to requested PersistentVolumeClaim ${why}`,
      ),
    );
    assert.deepEqual(await told(cluster, 'raw'), [
      `Warning VolumeMismatch: Cannot bind PersistentVolume to requested PersistentVolumeClaim "data" ${why}`,
    ]);
    await cluster.stop();
  });
});

describe('a storage class', () => {
  it('is given to claims that were made before it became the default', async () => {
    const cluster = await start();
    const { storageClassName: _none, ...spec } = claim('data').spec ?? {};
    await cluster.create(PERSISTENT_VOLUME_CLAIM, { ...claim('data'), spec });
    await cluster.settle();
    assert.equal((await getClaim(cluster, 'data')).spec?.storageClassName, undefined);
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const fast = { metadata: { name: 'fast', annotations }, provisioner: 'csi.example.com' };
    await cluster.create(STORAGE_CLASS, fast);
    await cluster.advance(100);
    const after = await getClaim(cluster, 'data');
    assert.equal(after.spec?.storageClassName, 'fast');
    assert.deepEqual(after.metadata?.annotations, {
      'volume.beta.kubernetes.io/storage-provisioner': 'csi.example.com',
      'volume.kubernetes.io/storage-provisioner': 'csi.example.com',
    });
    await cluster.stop();
  });

  it('that is not there is named', async () => {
    const cluster = await start();
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data', { storageClassName: 'gone' }));
    await cluster.settle();
    assert.deepEqual(await told(cluster, 'data'), [
      'Warning ProvisioningFailed: storageclass.storage.k8s.io "gone" not found',
    ]);
    await cluster.stop();
  });

  it('of volumes made here is told that none are, and it is counted', async () => {
    const metrics = new MetricRegistry();
    const cluster = await start(metrics);
    const provisioner = 'kubernetes.io/host-path';
    await cluster.create(STORAGE_CLASS, { metadata: { name: 'old' }, provisioner });
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data', { storageClassName: 'old' }));
    await cluster.settle();
    assert.match((await told(cluster, 'data')).join(), /Failed to create provisioner: /);
    const of = `{plugin_name="${provisioner}",operation_name="provision"}`;
    assert.ok(sampleOf(metrics, `volume_operation_errors_total${of}`) > 0);
    await cluster.stop();
  });

  it('of volumes made on demand has its driver asked, again and again', async () => {
    const cluster = await start();
    const fast = { metadata: { name: 'fast' }, provisioner: 'csi.example.com' };
    await cluster.create(STORAGE_CLASS, fast);
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data', { storageClassName: 'fast' }));
    await cluster.advance(31_000);
    const events = await cluster.list(EVENT, NAMESPACE);
    const asked = events.filter(({ reason }) => reason === 'ExternalProvisioning');
    assert.deepEqual(
      asked.map(({ count, message }) => `${count} ${message}`),
      [
        "4 Waiting for a volume to be created either by the external provisioner 'csi.example.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
      ],
    );
    await cluster.stop();
  });

  it('whose volumes wait for a Pod says for which', async () => {
    const cluster = await start();
    const volumeBindingMode = 'WaitForFirstConsumer' as const;
    const late = { metadata: { name: 'late' }, provisioner: 'c.example.com', volumeBindingMode };
    await cluster.create(STORAGE_CLASS, late);
    await cluster.create(PERSISTENT_VOLUME, volume('free', { storageClassName: 'late' }));
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data', { storageClassName: 'late' }));
    await cluster.settle();
    const first =
      'Normal WaitForFirstConsumer: waiting for first consumer to be created before binding';
    assert.deepEqual(await told(cluster, 'data'), [first]);
    await cluster.create(POD, {
      metadata: { name: 'user', namespace: NAMESPACE },
      spec: {
        nodeSelector: { nowhere: 'yes' },
        containers: [{ name: 'main', image: 'web' }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      },
    });
    await cluster.advance(16_000);
    assert.deepEqual(await told(cluster, 'data'), [
      first,
      'Normal WaitForPodScheduled: waiting for pod user to be scheduled',
    ]);
    assert.equal((await getClaim(cluster, 'data')).status?.phase, 'Pending');
    await cluster.stop();
  });
});

describe('a volume whose claim is gone', () => {
  async function left(
    spec: Partial<PersistentVolumeSpec>,
    metrics?: MetricRegistry,
  ): Promise<TestCluster> {
    const cluster = await start(metrics);
    await cluster.create(PERSISTENT_VOLUME, volume('disk', spec));
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.settle();
    assert.equal((await getVolume(cluster, 'disk')).status?.phase, 'Bound');
    await cluster.delete(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.settle();
    return cluster;
  }

  it('is kept for its data, and given to nobody', async () => {
    const cluster = await left({ persistentVolumeReclaimPolicy: 'Retain' });
    const kept = await getVolume(cluster, 'disk');
    assert.equal(kept.status?.phase, 'Released');
    assert.equal(kept.spec?.claimRef?.name, 'data');
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.settle();
    assert.equal((await getClaim(cluster, 'data')).status?.phase, 'Pending');
    await cluster.stop();
  });

  it('is emptied by a Pod, and free again', async () => {
    const cluster = await start();
    const recycled = volume('disk', {
      persistentVolumeReclaimPolicy: 'Recycle',
      capacity: { storage: '4Gi' },
    });
    await cluster.create(PERSISTENT_VOLUME, recycled);
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.settle();
    await cluster.delete(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.advance(100);
    const pod = await cluster.get(POD, 'recycler-for-disk', NAMESPACE);
    assert.equal(pod.spec?.activeDeadlineSeconds, 120);
    assert.deepEqual(pod.spec?.volumes?.[0]?.hostPath, { path: '/disk', type: '' });
    const annotations = { 'coxswain.dev/simulated-run-ms': '100' };
    await cluster.patch(POD, pod, { metadata: { annotations } });
    await cluster.settle();
    const free = await getVolume(cluster, 'disk');
    assert.equal(free.status?.phase, 'Available');
    assert.equal(free.spec?.claimRef, undefined);
    assert.deepEqual(await told(cluster, 'disk'), ['Normal VolumeRecycled: Volume recycled']);
    assert.deepEqual(await cluster.list(POD, NAMESPACE), []);
    await cluster.stop();
  });

  it('is called failed while its Pod is refused, and emptied later', async () => {
    const cluster = await start();
    const recycled = volume('disk', { persistentVolumeReclaimPolicy: 'Recycle' });
    await cluster.create(PERSISTENT_VOLUME, recycled);
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    const quota = {
      metadata: { name: 'none', namespace: NAMESPACE },
      spec: { hard: { pods: '0' } },
    };
    await cluster.create(RESOURCE_QUOTA, quota);
    await cluster.settle();
    await cluster.delete(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.advance(40_000);
    const failed = await getVolume(cluster, 'disk');
    assert.equal(failed.status?.phase, 'Failed');
    const message =
      'Recycle failed: unexpected error creating recycler pod:  pods "recycler-for-disk" is forbidden: ' +
      'exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0';
    assert.equal(failed.status.message, message);
    assert.deepEqual(await told(cluster, 'disk'), [`Warning VolumeFailedRecycle: ${message}`]);
    await cluster.delete(RESOURCE_QUOTA, quota);
    await cluster.advance(20_000);
    assert.equal((await cluster.list(POD, NAMESPACE)).length, 1);
    await cluster.stop();
  });

  it('is called failed when nobody can delete it', async () => {
    const metrics = new MetricRegistry();
    const cluster = await left({ persistentVolumeReclaimPolicy: 'Delete' }, metrics);
    const failed = await getVolume(cluster, 'disk');
    const message = 'host_path deleter only supports /tmp/.+ but received provided /disk';
    assert.equal(failed.status?.phase, 'Failed');
    assert.equal(failed.status?.message, message);
    assert.deepEqual(await told(cluster, 'disk'), [`Warning VolumeFailedDelete: ${message}`]);
    for (const name of ['volume_operation_errors_total', 'volume_operation_total_errors']) {
      const failures = `${name}{plugin_name="kubernetes.io/host-path",operation_name="delete"}`;
      assert.ok(sampleOf(metrics, failures) > 0, name);
    }
    await cluster.stop();
  });
});

describe('a bound claim', () => {
  it('is lost with its volume', async () => {
    const cluster = await start();
    await cluster.create(PERSISTENT_VOLUME, volume('disk'));
    await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await cluster.settle();
    await cluster.delete(PERSISTENT_VOLUME, volume('disk'));
    await cluster.patch(PERSISTENT_VOLUME, volume('disk'), { metadata: { finalizers: null } });
    await cluster.advance(100);
    assert.deepEqual((await getClaim(cluster, 'data')).status, { phase: 'Lost' });
    assert.deepEqual(await told(cluster, 'data'), [
      'Warning ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    ]);
    await cluster.stop();
  });
});
