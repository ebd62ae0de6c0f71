/**
 * Stories of volumes from the claim to the end: scheduler, binder, a CSI driver that makes, attaches
 * and enlarges them, and nodes whose Pods wait for them.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { NODE } from '#api/core/node.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type { StatefulSet, StatefulSetSpec } from '#api/gen/apps-v1.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { DRIVER } from '#kit/csi/backend.ts';
import { SimulatedCsiDriver } from '#kit/csi/driver.ts';
import { countsOf, sampleOf } from '#kit/metrics.ts';
import { claim, userOf, VolumeWorld } from '#kit/volumes.ts';

const MINUTE_MS = 60_000;
const HOSTNAME = 'kubernetes.io/hostname';
const OUT_OF_SERVICE = { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' };

function set(spec: Partial<StatefulSetSpec> = {}): StatefulSet {
  const labels = { app: 'db' };
  return {
    metadata: { name: 'db', namespace: 'default' },
    spec: {
      replicas: 1,
      serviceName: 'db',
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: 'main', image: 'db' }],
          tolerations: [
            {
              key: 'node.kubernetes.io/unreachable',
              operator: 'Exists',
              effect: 'NoExecute',
              tolerationSeconds: 30,
            },
          ],
        },
      },
      volumeClaimTemplates: [claim('data', { storageClassName: 'late' })],
      ...spec,
    },
  };
}

const cordon = async (world: VolumeWorld, name: string): Promise<unknown> =>
  world.cluster.patch(NODE, await world.node(name), { spec: { unschedulable: true } });

/** The node that has the only volume there is; every volume that exists is on one node at most. */
function nodesOfStorage(world: VolumeWorld): string[] {
  return [...world.csi.backend.volumes.values()].map(({ nodes }) => [...nodes].join('+'));
}

describe('a claim of a class that binds at once', () => {
  it('has a volume before any Pod asks for it', async () => {
    const world = await VolumeWorld.start();
    const { metadata } = await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.settle();
    const bound = await world.claim('data');
    assert.equal(bound.spec?.storageClassName, 'fast', 'the default class');
    assert.equal(bound.spec?.volumeName, `pvc-${metadata?.uid}`);
    assert.deepEqual(bound.status, {
      phase: 'Bound',
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
    });
    const volume = await world.volumeOf('data');
    assert.equal(volume.status?.phase, 'Bound');
    assert.equal(volume.spec?.claimRef?.uid, metadata?.uid);
    assert.deepEqual(nodesOfStorage(world), ['']);
    await world.cluster.stop();
  });

  it('is timed until it has its volume, and its volume until it is gone', async () => {
    const metrics = new MetricRegistry();
    const world = await VolumeWorld.start({ metrics });
    world.csi.behaviour.provisionMs = 20_000;
    const made = await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.advance(30_000);
    const name = 'volume_operation_total_seconds';
    const of = (what: string): string => `{plugin_name="${DRIVER}",operation_name="${what}"}`;
    assert.deepEqual(countsOf(metrics, `${name}_count`), [`${of('provision')} 1`]);
    const seconds = sampleOf(metrics, `${name}_sum${of('provision')}`);
    assert.ok(seconds >= 20 && seconds < 21, `${seconds} s`);
    await world.cluster.delete(PERSISTENT_VOLUME_CLAIM, made);
    await world.cluster.settle();
    const both = [`${of('delete')} 1`, `${of('provision')} 1`];
    assert.deepEqual(countsOf(metrics, `${name}_count`), both);
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.advance(10_000);
    await world.cluster.delete(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.advance(1_000);
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.advance(MINUTE_MS);
    assert.equal(sampleOf(metrics, `${name}_count${of('provision')}`), 2);
    const sum = sampleOf(metrics, `${name}_sum${of('provision')}`);
    // The driver makes the volume of the second claim before that of the third.
    assert.ok(sum < seconds + 35, `${sum} s: from the third claim`);
    assert.deepEqual(countsOf(metrics, 'volume_operation_errors_total'), []);
    await world.cluster.stop();
  });

  it('is bound in the end when the driver fails, and says why it is not yet', async () => {
    const world = await VolumeWorld.start();
    let fails = true;
    world.csi.behaviour.failure = (operation) =>
      operation === 'provision' && fails ? 'out of space' : undefined;
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('user', ['data']));
    await world.cluster.advance(20_000);
    assert.equal((await world.claim('data')).status?.phase, 'Pending');
    assert.deepEqual(await world.told('data', 'ProvisioningFailed'), [
      'Warning failed to provision volume with StorageClass "fast": out of space',
    ]);
    assert.equal(await world.pods(), 'user=Pending@-');
    fails = false;
    await world.cluster.advance(MINUTE_MS);
    assert.match(await world.pods(), /user=Running@node/);
    await world.cluster.stop();
  });
});

describe('a claim of a class that waits for its first consumer', () => {
  it('gets its volume where the Pod goes, and the Pod starts when it is attached', async () => {
    const world = await VolumeWorld.start({}, new SimulatedCsiDriver({ topologyKey: HOSTNAME }));
    await world.cluster.create(
      PERSISTENT_VOLUME_CLAIM,
      claim('data', { storageClassName: 'late' }),
    );
    await world.cluster.advance(MINUTE_MS);
    assert.equal((await world.claim('data')).status?.phase, 'Pending');
    assert.equal(world.csi.backend.volumes.size, 0, 'nobody needs it');
    const nodeSelector = { [HOSTNAME]: 'node-2' };
    await world.cluster.create(POD, userOf('user', ['data'], { nodeSelector }));
    await world.cluster.settle();
    assert.equal(await world.pods(), 'user=Running@node-2');
    const { metadata, status } = await world.claim('data');
    assert.equal(status?.phase, 'Bound');
    assert.equal(metadata?.annotations?.['volume.kubernetes.io/selected-node'], 'node-2');
    const { spec } = await world.volumeOf('data');
    assert.deepEqual(spec?.nodeAffinity?.required?.nodeSelectorTerms, [
      { matchExpressions: [{ key: HOSTNAME, operator: 'In', values: ['node-2'] }] },
    ]);
    assert.deepEqual(nodesOfStorage(world), ['node-2']);
    await world.cluster.stop();
  });

  it('keeps its Pod where its volume can be reached', async () => {
    const world = await VolumeWorld.start({}, new SimulatedCsiDriver({ topologyKey: HOSTNAME }));
    await world.cluster.create(
      PERSISTENT_VOLUME_CLAIM,
      claim('data', { storageClassName: 'late' }),
    );
    await cordon(world, 'node-1');
    await world.cluster.create(POD, userOf('user', ['data']));
    await world.cluster.settle();
    assert.equal(await world.pods(), 'user=Running@node-2');
    await world.cluster.delete(POD, userOf('user', []));
    await world.cluster.settle();
    await world.cluster.patch(NODE, await world.node('node-1'), { spec: { unschedulable: null } });
    await cordon(world, 'node-2');
    await world.cluster.create(POD, userOf('user', ['data']));
    await world.cluster.settle();
    assert.equal(await world.pods(), 'user=Pending@-');
    await world.cluster.stop();
  });

  it('is tried on another node when the driver has no room', async () => {
    const world = await VolumeWorld.start();
    let failures = 0;
    world.csi.behaviour.failure = (operation) =>
      operation === 'provision' && failures++ === 0 ? 'no room here' : undefined;
    await world.cluster.create(
      PERSISTENT_VOLUME_CLAIM,
      claim('data', { storageClassName: 'late' }),
    );
    await world.cluster.create(POD, userOf('user', ['data']));
    await world.cluster.advance(2 * MINUTE_MS);
    assert.match(await world.pods(), /user=Running@node/);
    await world.cluster.stop();
  });

  for (const atMs of [100, 400, 700, 1_000, 1_300])
    it(`comes to the same end when all restart after ${atMs} ms`, async () => {
      const world = await VolumeWorld.start();
      await world.cluster.create(
        PERSISTENT_VOLUME_CLAIM,
        claim('data', { storageClassName: 'late' }),
      );
      await world.cluster.create(POD, userOf('user', ['data']));
      await world.cluster.advance(atMs);
      await world.cluster.run(world.csi.stop());
      await world.cluster.startComponents();
      world.cluster.startCsi();
      await world.cluster.restartApiServer();
      await world.cluster.advance(MINUTE_MS);
      assert.match(await world.pods(), /^user=Running@node-\d$/);
      assert.equal(world.csi.backend.volumes.size, 1, 'one volume, not two');
      assert.equal((await world.cluster.list(PERSISTENT_VOLUME)).length, 1);
      await world.cluster.stop();
    });
});

describe('a StatefulSet with volumes', () => {
  it('takes its volume along to another node, and never has it on two', async () => {
    const world = await VolumeWorld.start();
    world.csi.behaviour.detachMs = 5_000;
    await world.cluster.create(STATEFUL_SET, set());
    await world.cluster.settle();
    const node = (await world.pod('db-0')).spec?.nodeName ?? '';
    const { metadata } = await world.volumeOf('data-db-0');
    assert.deepEqual(nodesOfStorage(world), [node]);
    await cordon(world, node);
    await world.cluster.delete(POD, userOf('db-0', []));
    const seen: string[] = [];
    for (let i = 0; i < 300; i++) {
      await world.cluster.advance(50);
      const [where = ''] = nodesOfStorage(world);
      if (seen.at(-1) !== where) seen.push(where);
    }
    const other = node === 'node-1' ? 'node-2' : 'node-1';
    assert.deepEqual(seen, [node, '', other]);
    assert.equal(await world.pods(), `db-0=Running@${other}`);
    assert.equal(await world.attachments(), other);
    assert.equal((await world.volumeOf('data-db-0')).metadata?.uid, metadata?.uid, 'the same one');
    await world.cluster.stop();
  });

  it('gets its volume back from a node that is out of service', async () => {
    const world = await VolumeWorld.start();
    await world.cluster.create(STATEFUL_SET, set());
    await world.cluster.settle();
    const node = (await world.pod('db-0')).spec?.nodeName ?? '';
    world.cluster.killNode(node);
    await world.cluster.advance(10 * MINUTE_MS);
    assert.equal(await world.attachments(), node, 'its Pod may still run');
    assert.match(await world.pods(), new RegExp(`^db-0=\\w+@${node}$`));
    const { spec } = await world.node(node);
    const taints = [...(spec?.taints ?? []), OUT_OF_SERVICE];
    await world.cluster.patch(NODE, await world.node(node), { spec: { taints } });
    await world.cluster.advance(MINUTE_MS);
    const other = node === 'node-1' ? 'node-2' : 'node-1';
    assert.equal(await world.pods(), `db-0=Running@${other}`);
    assert.deepEqual(nodesOfStorage(world), [other]);
    await world.cluster.stop();
  });

  it('gives up volumes as its claim retention policy says, with what they hold', async () => {
    const world = await VolumeWorld.start();
    const policy = { whenScaled: 'Delete', whenDeleted: 'Retain' };
    await world.cluster.create(
      STATEFUL_SET,
      set({ replicas: 2, persistentVolumeClaimRetentionPolicy: policy }),
    );
    await world.cluster.settle();
    assert.equal(world.csi.backend.volumes.size, 2);
    const kept = (await world.volumeOf('data-db-0')).metadata?.name ?? '';
    await world.cluster.patch(STATEFUL_SET, set(), { spec: { replicas: 1 } });
    await world.cluster.advance(MINUTE_MS);
    assert.deepEqual([...world.csi.backend.volumes.keys()], [kept]);
    await world.cluster.delete(STATEFUL_SET, set());
    await world.cluster.advance(MINUTE_MS);
    assert.deepEqual([...world.csi.backend.volumes.keys()], [kept]);
    assert.deepEqual(nodesOfStorage(world), ['']);
    assert.equal((await world.claim('data-db-0')).status?.phase, 'Bound');
    await world.cluster.stop();
  });
});

describe('a claim that grows', () => {
  const grow = (world: VolumeWorld, storage: string): Promise<unknown> =>
    world.cluster.patch(PERSISTENT_VOLUME_CLAIM, claim('data'), {
      spec: { resources: { requests: { storage } } },
    });

  it('has its volume enlarged by the driver, while it is used', async () => {
    const world = await VolumeWorld.start();
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('user', ['data']));
    await world.cluster.settle();
    await grow(world, '5Gi');
    await world.cluster.settle();
    assert.equal((await world.claim('data')).status?.capacity?.['storage'], '5Gi');
    const { metadata, spec } = await world.volumeOf('data');
    assert.equal(spec?.capacity?.['storage'], '5Gi');
    assert.equal(world.csi.backend.volumes.get(metadata?.name ?? '')?.bytes, '5Gi');
    assert.deepEqual(await world.told('data', 'ExternalExpanding'), [
      'Normal waiting for an external controller to expand this PVC',
    ]);
    assert.match(await world.pods(), /user=Running/);
    await world.cluster.stop();
  });

  it('keeps its size while the driver cannot', async () => {
    const world = await VolumeWorld.start();
    world.csi.behaviour.failure = (operation) => (operation === 'resize' ? 'full' : undefined);
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.settle();
    await grow(world, '5Gi');
    await world.cluster.advance(MINUTE_MS);
    assert.equal((await world.claim('data')).status?.capacity?.['storage'], '1Gi');
    assert.equal((await world.told('data', 'VolumeResizeFailed')).length, 1);
    await world.cluster.stop();
  });
});

describe('an ephemeral volume', () => {
  it('comes and goes with its Pod', async () => {
    const world = await VolumeWorld.start();
    const { spec = {} } = claim('', { storageClassName: 'late' });
    const volumes = [{ name: 's', ephemeral: { volumeClaimTemplate: { spec } } }];
    await world.cluster.create(POD, userOf('web', [], { volumes }));
    await world.cluster.settle();
    assert.match(await world.pods(), /^web=Running@node-\d$/);
    assert.equal(world.csi.backend.volumes.size, 1);
    assert.equal((await world.claim('web-s')).status?.phase, 'Bound');
    await world.cluster.delete(POD, userOf('web', []));
    await world.cluster.advance(MINUTE_MS);
    assert.deepEqual(await world.cluster.list(PERSISTENT_VOLUME_CLAIM, 'default'), []);
    assert.deepEqual(await world.cluster.list(PERSISTENT_VOLUME), []);
    assert.equal(world.csi.backend.volumes.size, 0);
    await world.cluster.stop();
  });
});

describe('a claim that is deleted', () => {
  it('stays while a Pod uses it, and its volume goes after it has left the node', async () => {
    const world = await VolumeWorld.start();
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('user', ['data']));
    await world.cluster.settle();
    await world.cluster.delete(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.advance(MINUTE_MS);
    assert.equal((await world.volumeOf('data')).status?.phase, 'Bound');
    assert.match(await world.pods(), /user=Running/);
    await world.cluster.delete(POD, userOf('user', []));
    await world.cluster.advance(MINUTE_MS);
    assert.deepEqual(await world.cluster.list(PERSISTENT_VOLUME), []);
    assert.equal(world.csi.backend.volumes.size, 0);
    await world.cluster.stop();
  });

  it('serves the Pods that use it, and no other', async () => {
    const world = await VolumeWorld.start();
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('data'));
    const nodeName = 'node-1';
    await world.cluster.create(POD, userOf('user', ['data'], { nodeName }));
    await world.cluster.settle();
    await world.cluster.delete(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.create(POD, userOf('late', ['data'], { nodeName }));
    await world.cluster.settle();
    assert.equal(await world.pods(), 'late=Pending@node-1 user=Running@node-1');
    await world.cluster.create(PERSISTENT_VOLUME_CLAIM, claim('other'));
    await world.cluster.create(POD, userOf('gone', ['other'], { nodeName }));
    await world.cluster.settle();
    world.cluster.killNode(nodeName);
    await world.cluster.delete(POD, userOf('gone', []), { gracePeriodSeconds: 0 });
    world.cluster.startNode(nodeName);
    await world.cluster.settle();
    const { status } = await world.node(nodeName);
    assert.equal(status?.volumesInUse?.length, 1, 'its user goes on');
    await world.cluster.stop();
  });

  it('leaves its volume and what it holds where the class says so', async () => {
    const world = await VolumeWorld.start();
    await world.cluster.create(STORAGE_CLASS, {
      metadata: { name: 'kept' },
      provisioner: DRIVER,
      reclaimPolicy: 'Retain',
    });
    await world.cluster.create(
      PERSISTENT_VOLUME_CLAIM,
      claim('data', { storageClassName: 'kept' }),
    );
    await world.cluster.settle();
    await world.cluster.delete(PERSISTENT_VOLUME_CLAIM, claim('data'));
    await world.cluster.advance(MINUTE_MS);
    const [volume] = await world.cluster.list(PERSISTENT_VOLUME);
    assert.equal(volume?.status?.phase, 'Released');
    assert.equal(world.csi.backend.volumes.size, 1);
    // Given back by hand, and asked for again.
    await world.cluster.patch(PERSISTENT_VOLUME, volume!, { spec: { claimRef: null } });
    const { metadata } = volume!;
    await world.cluster.create(
      PERSISTENT_VOLUME_CLAIM,
      claim('data', { storageClassName: 'kept', volumeName: metadata?.name ?? '' }),
    );
    await world.cluster.create(POD, userOf('user', ['data']));
    await world.cluster.advance(MINUTE_MS);
    assert.match(await world.pods(), /user=Running/);
    assert.equal((await world.volumeOf('data')).metadata?.uid, metadata?.uid);
    await world.cluster.stop();
  });
});
