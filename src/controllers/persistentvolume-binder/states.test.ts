/** Claims and volumes as they are written. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import { migratedClaim, migratedVolume } from './migration.ts';
import { boundClaim, boundVolume, claimStatus, provisionedClaim, unboundVolume } from './states.ts';

const BY_US = { 'pv.kubernetes.io/bound-by-controller': 'yes' };
const claim: PersistentVolumeClaim = {
  metadata: { name: 'data', namespace: 'shop', uid: 'u1', resourceVersion: '7' },
  spec: {},
  status: { phase: 'Pending' },
};
const reference = {
  kind: 'PersistentVolumeClaim',
  namespace: 'shop',
  name: 'data',
  uid: 'u1',
  apiVersion: 'v1',
  resourceVersion: '7',
};
const disk: PersistentVolume = {
  metadata: { name: 'disk' },
  spec: { capacity: { storage: '2Gi' }, accessModes: ['ReadWriteOnce'] },
};

describe('a volume that is bound', () => {
  it('refers to its claim, and says who did it', () => {
    const next = boundVolume(disk, claim);
    assert.deepEqual(next?.spec?.claimRef, reference);
    assert.deepEqual(next?.metadata?.annotations, BY_US);
  });

  it('that a user has kept gets the rest of the reference alone', () => {
    const kept = { ...disk, spec: { ...disk.spec, claimRef: { name: 'data', namespace: 'shop' } } };
    const next = boundVolume(kept, claim);
    assert.deepEqual(next?.spec?.claimRef, reference);
    assert.equal(next?.metadata?.annotations, undefined);
  });

  it('is not written when it says all that', () => {
    const bound = {
      ...disk,
      spec: { ...disk.spec, claimRef: { ...reference, resourceVersion: '1' } },
    };
    assert.equal(boundVolume(bound, claim), undefined);
  });

  it('forgets its claim when that was not a user’s wish', () => {
    const spec = { ...disk.spec, claimRef: reference };
    const ours = { metadata: { name: 'disk', annotations: { ...BY_US, a: 'b' } }, spec };
    assert.deepEqual(unboundVolume(ours), {
      metadata: { name: 'disk', annotations: { a: 'b' } },
      spec: disk.spec,
    });
    const { uid: _uid, ...kept } = reference;
    assert.deepEqual(unboundVolume({ ...disk, spec }).spec?.claimRef, kept);
  });
});

describe('a claim that is bound', () => {
  it('names its volume, and says who did it', () => {
    const next = boundClaim(claim, 'disk');
    assert.equal(next?.spec?.volumeName, 'disk');
    const marks = { ...BY_US, 'pv.kubernetes.io/bind-completed': 'yes' };
    assert.deepEqual(next?.metadata?.annotations, marks);
    assert.equal(next && boundClaim(next, 'disk'), undefined);
  });

  it('gets the size of its volume when it becomes bound, and not again', () => {
    const status = claimStatus(claim, 'Bound', disk);
    const wanted = { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } };
    assert.deepEqual(status, wanted);
    const bound = { ...claim, status: { ...wanted, phase: 'Bound' as const } } as typeof claim;
    assert.equal(claimStatus(bound, 'Bound', disk), undefined);
    const grown = { ...disk, spec: { ...disk.spec, capacity: { storage: '9Gi' } } };
    assert.equal(claimStatus(bound, 'Bound', grown), undefined);
    const wide = { ...disk, spec: { ...disk.spec, accessModes: ['ReadWriteMany' as const] } };
    assert.deepEqual(claimStatus(bound, 'Bound', wide), {
      ...wanted,
      accessModes: ['ReadWriteMany'],
    });
  });

  it('gets the size of a file system that was not grown yet', () => {
    const annotations = { 'volume.alpha.kubernetes.io/pre-resize-capacity': '1Gi' };
    const status = claimStatus(claim, 'Bound', { ...disk, metadata: { annotations } });
    assert.deepEqual(status?.capacity, { storage: '1Gi' });
    const odd = { 'volume.alpha.kubernetes.io/pre-resize-capacity': 'much' };
    const other = claimStatus(claim, 'Bound', { ...disk, metadata: { annotations: odd } });
    assert.deepEqual(other?.capacity, { storage: '2Gi' });
  });

  it('gets the attributes of its volume when it was pending, and not when it was lost', () => {
    const gold = { ...disk, spec: { ...disk.spec, volumeAttributesClassName: 'gold' } };
    assert.equal(claimStatus(claim, 'Bound', gold)?.currentVolumeAttributesClassName, 'gold');
    const lost = { ...claim, status: { phase: 'Lost' as const } };
    const status = claimStatus(lost, 'Bound', gold);
    assert.equal(status?.currentVolumeAttributesClassName, undefined);
  });

  it('needs a volume with a size', () => {
    const bare = { metadata: { name: 'disk' }, spec: {} };
    const message = 'PersistentVolume "disk" is without a storage capacity';
    assert.throws(() => claimStatus(claim, 'Bound', bare), { message });
  });

  it('loses all that with its volume, but not its conditions', () => {
    const status = {
      phase: 'Bound' as const,
      accessModes: ['ReadWriteOnce' as const],
      capacity: { storage: '2Gi' },
      currentVolumeAttributesClassName: 'gold',
      conditions: [{ type: 'Resizing' as const, status: 'True' }],
    };
    const { conditions } = status;
    assert.deepEqual(claimStatus({ ...claim, status }, 'Lost'), { phase: 'Lost', conditions });
    assert.equal(claimStatus(claim, 'Pending'), undefined);
  });
});

describe('a claim whose volume is to be made', () => {
  it('names who makes it, once', () => {
    const next = provisionedClaim(claim, 'csi.example.com');
    assert.deepEqual(next?.metadata?.annotations, {
      'volume.beta.kubernetes.io/storage-provisioner': 'csi.example.com',
      'volume.kubernetes.io/storage-provisioner': 'csi.example.com',
    });
    assert.equal(next && provisionedClaim(next, 'csi.example.com'), undefined);
  });
});

describe('drivers that were part of Kubernetes', () => {
  const volume = (provisioner: string, more: object = {}, finalizers: string[] = []) => ({
    metadata: {
      annotations: { 'pv.kubernetes.io/provisioned-by': provisioner, ...more },
      finalizers,
    },
    spec: { persistentVolumeReclaimPolicy: 'Delete' as const },
  });
  const TO = 'pv.kubernetes.io/migrated-to';
  const OLD = 'kubernetes.io/pv-controller';

  it('are named with the ones that took over', () => {
    const next = migratedVolume(volume('kubernetes.io/gce-pd', {}, [OLD, 'x']));
    assert.equal(next?.metadata?.annotations?.[TO], 'pd.csi.storage.gke.io');
    assert.deepEqual(next?.metadata?.finalizers, ['x']);
    assert.equal(next && migratedVolume(next), undefined);
    const annotations = { 'volume.beta.kubernetes.io/storage-provisioner': 'kubernetes.io/gce-pd' };
    const marked = migratedClaim({ metadata: { annotations } });
    assert.equal(marked?.metadata?.annotations?.[TO], 'pd.csi.storage.gke.io');
  });

  it('that nobody took over protect what they delete', () => {
    const next = migratedVolume(volume('kubernetes.io/host-path'));
    assert.deepEqual(next?.metadata?.finalizers, [OLD]);
    const spec = { persistentVolumeReclaimPolicy: 'Retain' as const };
    assert.deepEqual(next && migratedVolume({ ...next, spec })?.metadata?.finalizers, []);
  });

  it('are not drivers outside', () => {
    const external = 'external-provisioner.volume.kubernetes.io/finalizer';
    assert.equal(migratedVolume(volume('csi.example.com', {}, [external])), undefined);
    const wrong = migratedVolume(volume('csi.example.com', { [TO]: 'x' }));
    assert.equal(wrong?.metadata?.annotations?.[TO], undefined);
    assert.equal(migratedVolume({ metadata: { name: 'disk' } }), undefined);
  });
});
