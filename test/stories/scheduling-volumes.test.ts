/**
 * Stories of pods whose volumes wait for them. The test plays the volume controllers and the
 * provisioner, which are not started here.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { POD } from '#api/core/pod.ts';
import { podCondition } from '#api/core/pod-helpers.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import { serviceAccountController } from '#controllers/serviceaccount.ts';
import { TestCluster } from '#kit/cluster.ts';

/** Pods need an account. */
const CONTROLLERS = [serviceAccountController];
const SELECTED = 'volume.kubernetes.io/selected-node';
const resources = { requests: { storage: '1Gi' } };

const claim: PersistentVolumeClaim = {
  metadata: { name: 'data', namespace: 'default' },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'late', resources },
};
const user: Pod = {
  metadata: { name: 'user', namespace: 'default' },
  spec: {
    containers: [{ name: 'main', image: 'web' }],
    // Without the node controller, nodes keep the taints that they register with.
    tolerations: [{ operator: 'Exists' }],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
  },
};
const disk: PersistentVolume = {
  metadata: { name: 'disk' },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    storageClassName: 'late',
    local: { path: '/d' },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [
          {
            matchExpressions: [
              { key: 'kubernetes.io/hostname', operator: 'In', values: ['node-2'] },
            ],
          },
        ],
      },
    },
  },
};

async function start(provisioner: string): Promise<TestCluster> {
  const cluster = await TestCluster.start({ nodes: 2, controllers: CONTROLLERS });
  await cluster.create(STORAGE_CLASS, {
    metadata: { name: 'late' },
    provisioner,
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  await cluster.create(PERSISTENT_VOLUME_CLAIM, claim);
  return cluster;
}

const readUser = (cluster: TestCluster): Promise<Pod> => cluster.get(POD, 'user', 'default');
const readClaim = (cluster: TestCluster): Promise<PersistentVolumeClaim> =>
  cluster.get(PERSISTENT_VOLUME_CLAIM, 'data', 'default');

/** As the volume controller does when claim and volume belong together. */
async function bind(cluster: TestCluster, volumeName: string): Promise<void> {
  await cluster.patch(PERSISTENT_VOLUME_CLAIM, claim, {
    metadata: { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
    spec: { volumeName },
  });
  await cluster.settle();
}

describe('a pod whose volume waits for it', () => {
  it('keeps a free volume, and is bound when the claim is', async () => {
    const cluster = await start('kubernetes.io/no-provisioner');
    const stored = await cluster.create(PERSISTENT_VOLUME, disk);
    await cluster.client.update(
      PERSISTENT_VOLUME,
      { ...stored, status: { phase: 'Available' } },
      'status',
    );
    await cluster.settle();
    await cluster.create(POD, user);
    await cluster.settle();
    const kept = await cluster.get(PERSISTENT_VOLUME, 'disk');
    assert.equal(kept.spec?.claimRef?.uid, (await readClaim(cluster)).metadata?.uid);
    assert.equal(kept.metadata?.annotations?.['pv.kubernetes.io/bound-by-controller'], 'yes');
    const waiting = await readUser(cluster);
    assert.equal(waiting.spec?.nodeName, undefined);
    assert.equal(waiting.status?.nominatedNodeName, 'node-2');
    await bind(cluster, 'disk');
    assert.equal((await readUser(cluster)).spec?.nodeName, 'node-2');
    await cluster.stop();
  });

  it('leaves its place to others as soon as it is being deleted', async () => {
    const cluster = await start('csi.example.com');
    const ports = [{ containerPort: 80, hostPort: 80 }];
    const containers = [{ name: 'main', image: 'web', ports }];
    const { volumes, ...spec } = { ...user.spec, containers };
    await cluster.create(POD, {
      metadata: { ...user.metadata, finalizers: ['example.com/look'] },
      spec: { ...spec, volumes: volumes ?? [] },
    });
    for (const name of ['first', 'second'])
      await cluster.create(POD, { metadata: { name, namespace: 'default' }, spec });
    await cluster.settle();
    const others = async () => {
      const pods = await cluster.list(POD, 'default');
      return pods.filter(({ spec }) => spec?.nodeName !== undefined).length;
    };
    assert.equal(await others(), 1);
    await cluster.delete(POD, await readUser(cluster));
    await cluster.advance(1_000);
    assert.equal(await others(), 2);
    assert.equal((await readUser(cluster)).spec?.nodeName, undefined);
    await cluster.stop();
  });

  it('asks for a volume on its node, and for another when that fails', async () => {
    const cluster = await start('csi.example.com');
    await cluster.create(POD, user);
    await cluster.settle();
    const first = (await readClaim(cluster)).metadata?.annotations?.[SELECTED];
    assert.match(first ?? '', /^node-[12]$/);
    assert.equal((await readUser(cluster)).spec?.nodeName, undefined);

    await cluster.patch(PERSISTENT_VOLUME_CLAIM, claim, {
      metadata: { annotations: { [SELECTED]: null } },
    });
    await cluster.advance(500);
    assert.equal(
      podCondition(await readUser(cluster), 'PodScheduled')?.message,
      'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"',
    );
    await cluster.settle();
    const again = (await readClaim(cluster)).metadata?.annotations?.[SELECTED];
    assert.match(again ?? '', /^node-[12]$/);

    await cluster.create(PERSISTENT_VOLUME, {
      ...disk,
      metadata: { name: 'made' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        csi: { driver: 'csi.example.com', volumeHandle: 'made' },
      },
    });
    await bind(cluster, 'made');
    assert.equal((await readUser(cluster)).spec?.nodeName, again);
    await cluster.stop();
  });

  it('says that it waits for a claim, and is placed when the claim comes', async () => {
    const cluster = await TestCluster.start({ controllers: CONTROLLERS });
    await cluster.create(POD, user);
    await cluster.settle();
    assert.equal(
      podCondition(await readUser(cluster), 'PodScheduled')?.message,
      '0/1 nodes are available: persistentvolumeclaim "data" not found. not found',
    );
    await cluster.create(PERSISTENT_VOLUME, { ...disk, metadata: { name: 'any' } });
    await cluster.create(PERSISTENT_VOLUME_CLAIM, {
      ...claim,
      metadata: {
        ...claim.metadata,
        annotations: { 'pv.kubernetes.io/bind-completed': 'yes' },
      },
      spec: { accessModes: ['ReadWriteOnce'], resources, volumeName: 'any' },
    });
    await cluster.settle();
    assert.equal(
      podCondition(await readUser(cluster), 'PodScheduled')?.message?.split('.')[0],
      "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity",
    );
    cluster.startNode('node-2');
    await cluster.settle();
    assert.equal((await readUser(cluster)).spec?.nodeName, 'node-2');
    await cluster.stop();
  });
});
