/** What a pass of a volume does, and what becomes of one that is released. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
} from '#api/gen/core-v1.ts';
import { planReclaim, planVolume } from './plan-volume.ts';

function volume(
  spec: Partial<PersistentVolumeSpec>,
  annotations: Record<string, string> = {},
): PersistentVolume {
  return { metadata: { name: 'disk', annotations }, spec };
}

const claim = (volumeName?: string): PersistentVolumeClaim => ({
  metadata: { name: 'data', namespace: 'shop', uid: 'u1' },
  spec: volumeName === undefined ? {} : { volumeName },
});
const MADE = { 'pv.kubernetes.io/provisioned-by': 'csi.example.com' };
const REFERENCE = { claimRef: { name: 'data', namespace: 'shop', uid: 'u1' } };

describe('a volume', () => {
  const rows: readonly (readonly [
    what: string,
    volume: PersistentVolume,
    claim: PersistentVolumeClaim | undefined,
    plan: string,
  ])[] = [
    ['without a claim is free', volume({}), undefined, 'phase Available'],
    [
      'that is kept for a claim is free until it answers',
      volume({ claimRef: { name: 'data', namespace: 'shop' } }),
      undefined,
      'phase Available',
    ],
    ['has its claim completed', volume(REFERENCE), claim(), 'wake-claim'],
    [
      'of another mode is not for the claim',
      volume({ ...REFERENCE, volumeMode: 'Block' }),
      claim(),
      'mismatch',
    ],
    ['is bound', volume(REFERENCE), claim('disk'), 'phase Bound'],
    ['lets a claim go that has another', volume(REFERENCE), claim('other'), 'unbind'],
    [
      'lets a claim go that has another, though it was made for it, when it is to be kept',
      volume({ ...REFERENCE, persistentVolumeReclaimPolicy: 'Retain' }, MADE),
      claim('other'),
      'unbind',
    ],
    [
      'that was made for a claim with another goes',
      volume({ ...REFERENCE, persistentVolumeReclaimPolicy: 'Delete' }, MADE),
      claim('other'),
      'release leave',
    ],
    [
      'is released without its claim',
      volume({ ...REFERENCE, persistentVolumeReclaimPolicy: 'Recycle' }),
      undefined,
      'release recycle',
    ],
  ];
  for (const [what, given, its, wanted] of rows)
    it(what, () => {
      const plan = planVolume(given, its);
      const detail =
        plan.do === 'phase' ? ` ${plan.phase}` : plan.do === 'release' ? ` ${plan.reclaim.do}` : '';
      assert.equal(plan.do + detail, wanted);
    });
});

describe('a released volume', () => {
  const NONE = 'error getting deleter volume plugin for volume "disk":';
  const rows: readonly (readonly [
    what: string,
    spec: Partial<PersistentVolumeSpec>,
    annotations: Record<string, string>,
    wanted: string,
  ])[] = [
    ['is kept', { persistentVolumeReclaimPolicy: 'Retain' }, {}, 'leave'],
    ['is recycled', { persistentVolumeReclaimPolicy: 'Recycle' }, {}, 'recycle'],
    ['is deleted by who made it', { persistentVolumeReclaimPolicy: 'Delete' }, MADE, 'leave'],
    [
      'is deleted by its driver',
      { persistentVolumeReclaimPolicy: 'Delete', csi: { driver: 'd', volumeHandle: 'h' } },
      {},
      'leave',
    ],
    [
      'is left to the driver that has taken over, whatever its policy',
      { persistentVolumeReclaimPolicy: 'Recycle' },
      { 'pv.kubernetes.io/migrated-to': 'd' },
      'leave',
    ],
    [
      'cannot be deleted by NFS',
      { persistentVolumeReclaimPolicy: 'Delete', nfs: { server: 's', path: '/' } },
      {},
      `${NONE} no deletable volume plugin matched`,
    ],
    [
      'cannot be deleted when it is local',
      { persistentVolumeReclaimPolicy: 'Delete', local: { path: '/d' } },
      {},
      `${NONE} no volume plugin matched`,
    ],
    [
      'cannot be deleted when it is any directory',
      { persistentVolumeReclaimPolicy: 'Delete', hostPath: { path: '/etc' } },
      {},
      'host_path deleter only supports /tmp/.+ but received provided /etc',
    ],
    [
      'cannot be deleted by a plug-in of old that nobody knows',
      { persistentVolumeReclaimPolicy: 'Delete' },
      { 'pv.kubernetes.io/provisioned-by': 'kubernetes.io/flocker' },
      'no volume plugin matched name: kubernetes.io/flocker',
    ],
    ['has to have a policy', {}, {}, 'Volume has unrecognized PersistentVolumeReclaimPolicy'],
  ];
  for (const [what, spec, annotations, wanted] of rows)
    it(what, () => {
      const plan = planReclaim(volume(spec, annotations));
      assert.equal(plan.do === 'fail' ? plan.message : plan.do, wanted);
    });
});
