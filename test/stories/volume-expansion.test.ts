/** Stories of claims that grow: who is told, and when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import type { PersistentVolumeClaim, PersistentVolumeSpec } from '#api/gen/core-v1.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import { TestCluster } from '#kit/cluster.ts';

const NAMESPACE = 'default';
const CLAIM: PersistentVolumeClaim = {
  metadata: { name: 'data', namespace: NAMESPACE },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'fast',
    volumeName: 'disk',
  },
};

/** A claim of 1Gi that is bound to a volume of this source. */
async function clusterWith(source: Partial<PersistentVolumeSpec>): Promise<TestCluster> {
  const cluster = await TestCluster.start({ nodes: 0 });
  await cluster.create(STORAGE_CLASS, {
    metadata: { name: 'fast' },
    provisioner: 'd.example.com',
    allowVolumeExpansion: true,
  });
  const claim = await cluster.create(PERSISTENT_VOLUME_CLAIM, CLAIM);
  await cluster.create(PERSISTENT_VOLUME, {
    metadata: { name: 'disk' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fast',
      claimRef: { name: 'data', namespace: NAMESPACE, uid: claim.metadata?.uid ?? '' },
      ...source,
    },
  });
  const status = { phase: 'Bound' as const, capacity: { storage: '1Gi' } };
  const fresh = await get(cluster);
  await cluster.run(cluster.client.update(PERSISTENT_VOLUME_CLAIM, { ...fresh, status }, 'status'));
  await cluster.settle();
  return cluster;
}

const get = (cluster: TestCluster): Promise<PersistentVolumeClaim> =>
  cluster.get(PERSISTENT_VOLUME_CLAIM, 'data', NAMESPACE);

async function grow(cluster: TestCluster): Promise<void> {
  const spec = { resources: { requests: { storage: '2Gi' } } };
  await cluster.patch(PERSISTENT_VOLUME_CLAIM, CLAIM, { spec });
  await cluster.settle();
}

async function told(cluster: TestCluster): Promise<string[]> {
  const events = await cluster.list(EVENT, NAMESPACE);
  return events
    .filter(({ reason }) => reason === 'ExternalExpanding')
    .map(({ message }) => message ?? '');
}

describe('a bound claim that grows', () => {
  it('waits for its driver, which is told once', async () => {
    const cluster = await clusterWith({ csi: { driver: 'd.example.com', volumeHandle: 'x' } });
    assert.deepEqual(await told(cluster), [], 'while it is as large as it asks');
    await grow(cluster);
    assert.deepEqual(await told(cluster), [
      'waiting for an external controller to expand this PVC',
    ]);
    assert.equal((await get(cluster)).metadata?.annotations, undefined);
    await cluster.stop();
  });

  it('names the driver of today when its volume is of a source of old', async () => {
    const cluster = await clusterWith({ gcePersistentDisk: { pdName: 'x' } });
    await grow(cluster);
    assert.deepEqual(await told(cluster), [
      'CSI migration enabled for kubernetes.io/gce-pd; waiting for external resizer to expand the pvc',
    ]);
    assert.deepEqual((await get(cluster)).metadata?.annotations, {
      'volume.kubernetes.io/storage-resizer': 'pd.csi.storage.gke.io',
    });
    await cluster.stop();
  });
});
