/** Which volumes of a Pod are to be attached, by a table. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { attachable, volumesOf } from './pod-volumes.ts';

const POD: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'pod' },
  spec: {
    containers: [],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
  },
};
const CLAIM: PersistentVolumeClaim = {
  metadata: { name: 'data', namespace: 'default', uid: 'claim' },
  spec: { volumeName: 'disk' },
  status: { phase: 'Bound' },
};
const DISK: PersistentVolume = {
  metadata: { name: 'disk' },
  spec: {
    accessModes: ['ReadWriteOnce'],
    claimRef: { name: 'data', namespace: 'default', uid: 'claim' },
    csi: { driver: 'csi.example.com', volumeHandle: 'h' },
  },
};
const NAME = 'kubernetes.io/csi/csi.example.com^h';
const ephemeral: Pod = {
  ...POD,
  spec: { containers: [], volumes: [{ name: 'v', ephemeral: {} }] },
};
const ownerReferences = [
  { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'pod', controller: true },
];

describe('the volumes of a Pod that are to be attached', () => {
  type World = {
    pod?: Pod;
    claim?: PersistentVolumeClaim;
    volume?: PersistentVolume;
    attachRequired?: boolean;
  };
  const { claimRef, csi, ...local } = DISK.spec!;
  const other = { ...claimRef, uid: 'another' };
  const rows: readonly (readonly [claim: string, world: World, names: string[]])[] = [
    ['a bound one', {}, [NAME]],
    ['one whose driver says that it attaches', { attachRequired: true }, [NAME]],
    ['not one whose driver does not', { attachRequired: false }, []],
    ['not one that is not bound', { claim: { ...CLAIM, status: { phase: 'Pending' } } }, []],
    ['not one without a volume', { claim: { ...CLAIM, spec: {} } }, []],
    [
      'not one whose volume is of another claim',
      { volume: { ...DISK, spec: { ...DISK.spec, claimRef: other } } },
      [],
    ],
    [
      'not one of no CSI driver',
      { volume: { ...DISK, spec: { ...local, claimRef: claimRef!, hostPath: { path: '/d' } } } },
      [],
    ],
    [
      'one made for the Pod',
      { pod: ephemeral, claim: { ...CLAIM, metadata: { ...CLAIM.metadata, ownerReferences } } },
      [NAME],
    ],
    ['not one that only has its name', { pod: ephemeral }, []],
  ];
  for (const [claim, world, names] of rows) {
    it(claim, () => {
      const { attachRequired } = world;
      const spec = attachRequired === undefined ? undefined : { attachRequired };
      const volumes = volumesOf(world.pod ?? POD, {
        claim: () => world.claim ?? CLAIM,
        volume: () => world.volume ?? DISK,
        driver: () => spec && { spec },
      });
      assert.deepEqual(
        volumes.map(({ uniqueName }) => uniqueName),
        names,
      );
    });
  }

  it('may be on several nodes by their access modes', () => {
    const isShared = (...accessModes: string[]) =>
      attachable({ ...DISK, spec: { ...DISK.spec, csi: csi!, accessModes } } as PersistentVolume, {
        driver: () => undefined,
      })?.isShared;
    assert.equal(isShared('ReadWriteOnce'), false);
    assert.equal(isShared('ReadWriteOncePod'), false);
    assert.equal(isShared('ReadWriteOnce', 'ReadWriteMany'), true);
    assert.equal(isShared('ReadOnlyMany'), true);
    assert.equal(isShared(), true);
  });
});
