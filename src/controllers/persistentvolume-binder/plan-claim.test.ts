/** What a pass of a claim does, world by world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { StorageClass } from '#api/gen/storage-v1.ts';
import { type ClaimWorld, planClaim } from './plan-claim.ts';

type Spec<T extends { spec?: unknown }> = Partial<NonNullable<T['spec']>>;

function claim(
  spec: Spec<PersistentVolumeClaim> = {},
  annotations: Record<string, string> = {},
): PersistentVolumeClaim {
  return {
    metadata: { name: 'data', namespace: 'shop', uid: 'u1', annotations },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: '',
      ...spec,
    },
    status: { phase: 'Pending' },
  };
}

function volume(name: string, spec: Spec<PersistentVolume> = {}): PersistentVolume {
  return {
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      storageClassName: '',
      ...spec,
    },
    status: { phase: 'Available' },
  };
}

const LATE: StorageClass = {
  metadata: { name: 'late' },
  provisioner: 'csi.example.com',
  volumeBindingMode: 'WaitForFirstConsumer',
};
const FAST: StorageClass = { metadata: { name: 'fast' }, provisioner: 'csi.example.com' };
const BOUND = { 'pv.kubernetes.io/bind-completed': 'yes' };

/** `bind disk`, `wait`, `wait Reason: message`, … */
function planned(world: Partial<ClaimWorld>): string {
  const plan = planClaim({
    claim: claim(),
    volume: undefined,
    candidates: [],
    storageClass: undefined,
    defaultClass: undefined,
    waitingPods: [],
    provisions: true,
    ...world,
  });
  switch (plan.do) {
    case 'bind':
      return `bind ${plan.volume.metadata?.name}`;
    case 'default-class':
      return `default-class ${plan.className}`;
    case 'provision':
      return ['provision', plan.provisioner, plan.problem].filter(Boolean).join(' ');
    case 'nothing':
      return 'nothing';
    case 'fail':
      return `fail ${plan.error}`;
    default:
      return plan.tell === undefined
        ? plan.do
        : `${plan.do} ${plan.tell.type} ${plan.tell.reason}: ${plan.tell.message}`;
  }
}

const NONE =
  'wait Normal FailedBinding: no persistent volumes available for this claim and no storage class is set';
const ref = (name: string, uid?: string): object => ({
  claimRef: { namespace: 'shop', name, ...(uid === undefined ? {} : { uid }) },
});

describe('a claim that takes any volume', () => {
  const good = volume('good');
  const rows: readonly (readonly [what: string, candidates: PersistentVolume[], plan: string])[] = [
    ['finds none', [], NONE],
    ['takes one that is free', [good], 'bind good'],
    ['not one that is too small', [volume('small', { capacity: { storage: '1Mi' } })], NONE],
    ['not one of another class', [volume('other', { storageClassName: 'fast' })], NONE],
    ['not one of another mode', [volume('raw', { volumeMode: 'Block' })], NONE],
    ['not one with other access modes', [volume('rox', { accessModes: ['ReadOnlyMany'] })], NONE],
    ['not one of other attributes', [volume('x', { volumeAttributesClassName: 'gold' })], NONE],
    ['not one that is not available yet', [{ ...good, status: { phase: 'Pending' } }], NONE],
    [
      'not one that is being deleted',
      [{ ...good, metadata: { name: 'x', deletionTimestamp: '2026-01-01T00:00:00Z' } }],
      NONE,
    ],
    ['not one that is kept for another', [volume('kept', ref('other'))], NONE],
    ['not one that was kept for an old claim of its name', [volume('k', ref('data', 'u0'))], NONE],
    [
      'the smallest',
      [
        volume('a', { capacity: { storage: '3Gi' } }),
        volume('b', { capacity: { storage: '2Gi' } }),
      ],
      'bind b',
    ],
    [
      'the one with the fewest access modes, even when it is larger',
      [
        volume('many', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }),
        volume('one', { capacity: { storage: '9Gi' } }),
      ],
      'bind one',
    ],
    [
      'the one that is kept for it before a smaller one, whatever its class',
      [
        good,
        volume('kept', { ...ref('data'), capacity: { storage: '9Gi' }, storageClassName: 'x' }),
      ],
      'bind kept',
    ],
  ];
  for (const [what, candidates, plan] of rows)
    it(what, () => assert.equal(planned({ candidates }), plan));

  it('looks at labels when it has a selector', () => {
    const picky = claim({ selector: { matchLabels: { disk: 'ssd' } } });
    const ssd = { ...volume('ssd'), metadata: { name: 'ssd', labels: { disk: 'ssd' } } };
    assert.equal(planned({ claim: picky, candidates: [good] }), NONE);
    assert.equal(planned({ claim: picky, candidates: [good, ssd] }), 'bind ssd');
  });
});

describe('a claim that no volume suits', () => {
  const { storageClassName: _none, ...classless } = claim().spec ?? {};
  const plain = { ...claim(), spec: classless };
  const late = (annotations = {}): PersistentVolumeClaim =>
    claim({ storageClassName: 'late' }, annotations);
  const selected = { 'volume.kubernetes.io/selected-node': 'n1' };
  const fast = claim({ storageClassName: 'fast' });
  const of = (provisioner: string): StorageClass => ({ ...FAST, provisioner });
  const rows: readonly (readonly [what: string, world: Partial<ClaimWorld>, plan: string])[] = [
    [
      'gets the default class when it has none',
      { claim: plain, defaultClass: FAST },
      'default-class fast',
    ],
    ['keeps its wish for no class', { defaultClass: FAST }, NONE],
    [
      'waits for a Pod',
      { claim: late(), storageClass: LATE },
      'wait Normal WaitForFirstConsumer: waiting for first consumer to be created before binding',
    ],
    [
      'waits for a Pod even beside a free volume',
      {
        claim: late(),
        storageClass: LATE,
        candidates: [volume('x', { storageClassName: 'late' })],
      },
      'wait Normal WaitForFirstConsumer: waiting for first consumer to be created before binding',
    ],
    [
      'takes at once what the scheduler has kept for it',
      { claim: late(), storageClass: LATE, candidates: [volume('x', { ...ref('data', 'u1') })] },
      'bind x',
    ],
    [
      'names the Pod',
      { claim: late(), storageClass: LATE, waitingPods: ['web'] },
      'wait Normal WaitForPodScheduled: waiting for pod web to be scheduled',
    ],
    [
      'names the Pods',
      { claim: late(), storageClass: LATE, waitingPods: ['a', 'b'] },
      'wait Normal WaitForPodScheduled: waiting for pods a,b to be scheduled',
    ],
    [
      'has a volume made where its Pod goes',
      { claim: late(selected), storageClass: LATE },
      'provision csi.example.com',
    ],
    ['has a volume made', { claim: fast, storageClass: FAST }, 'provision csi.example.com'],
    [
      'has none made where that is switched off',
      { claim: fast, storageClass: FAST, provisions: false },
      'nothing',
    ],
    [
      'names a class that is not there',
      { claim: fast },
      'provision storageclass.storage.k8s.io "fast" not found',
    ],
    [
      'asks the driver that has taken over',
      { claim: fast, storageClass: of('kubernetes.io/gce-pd') },
      'provision pd.csi.storage.gke.io',
    ],
    [
      'is refused by a class whose volumes people make',
      { claim: fast, storageClass: of('kubernetes.io/no-provisioner') },
      'provision no volume plugin matched name: kubernetes.io/no-provisioner',
    ],
    [
      'is refused by plug-ins that make nothing',
      { claim: fast, storageClass: of('kubernetes.io/nfs') },
      'provision no provisionable volume plugin matched',
    ],
    [
      'is refused by host paths',
      { claim: fast, storageClass: of('kubernetes.io/host-path') },
      'provision kubernetes.io/host-path Failed to create provisioner: provisioning in volume plugin "kubernetes.io/host-path" is disabled',
    ],
    [
      'is refused by host paths when it is to be filled',
      {
        claim: claim({
          storageClassName: 'fast',
          dataSource: { kind: 'VolumeSnapshot', name: 's' },
        }),
        storageClass: of('kubernetes.io/host-path'),
      },
      'provision plugin "kubernetes.io/host-path" is not a CSI plugin. Only CSI plugin can provision a claim with a datasource',
    ],
    [
      'is refused by host paths of a class with mount options',
      {
        claim: fast,
        storageClass: { ...of('kubernetes.io/host-path'), mountOptions: ['ro', 'sync'] },
      },
      'provision kubernetes.io/host-path Mount options are not supported by the provisioner but StorageClass "fast" has mount options [ro sync]',
    ],
  ];
  for (const [what, world, plan] of rows) it(what, () => assert.equal(planned(world), plan));
});

describe('a claim that names its volume', () => {
  const named = claim({ volumeName: 'disk' });
  const cannot = (why: string): string =>
    `wait Warning VolumeMismatch: Cannot bind to requested volume "disk": ${why}`;
  const rows: readonly (readonly [
    what: string,
    volume: PersistentVolume | undefined,
    plan: string,
  ])[] = [
    ['waits for it', undefined, 'wait'],
    ['takes it', volume('disk'), 'bind disk'],
    ['takes it when it is kept for the claim', volume('disk', ref('data')), 'bind disk'],
    [
      'does not take what goes away',
      { ...volume('disk'), metadata: { name: 'disk', deletionTimestamp: '2026-01-01T00:00:00Z' } },
      cannot('the volume is marked for deletion "disk"'),
    ],
    [
      'wants the size',
      volume('disk', { capacity: { storage: '1Mi' } }),
      cannot('requested PV is too small'),
    ],
    [
      'wants the class',
      volume('disk', { storageClassName: 'x' }),
      cannot('storageClassName does not match'),
    ],
    [
      'wants the attributes',
      volume('disk', { volumeAttributesClassName: 'gold' }),
      cannot('volumeAttributesClassName does not match'),
    ],
    ['wants the mode', volume('disk', { volumeMode: 'Block' }), cannot('incompatible volumeMode')],
    [
      'wants the access modes',
      volume('disk', { accessModes: ['ReadOnlyMany'] }),
      cannot('incompatible accessMode'),
    ],
    [
      'waits when another has it',
      volume('disk', ref('other', 'u2')),
      'wait Warning FailedBinding: volume "disk" already bound to a different claim.',
    ],
  ];
  for (const [what, found, plan] of rows)
    it(what, () => assert.equal(planned({ claim: named, volume: found }), plan));

  it('fails when it was bound here to what is another’s', () => {
    const marked = claim({ volumeName: 'disk' }, { 'pv.kubernetes.io/bound-by-controller': 'yes' });
    assert.equal(
      planned({ claim: marked, volume: volume('disk', ref('other', 'u2')) }),
      'fail invalid binding of claim "shop/data" to volume "disk": volume already claimed by "shop/other"',
    );
  });
});

describe('a claim that was bound', () => {
  const bound = claim({ volumeName: 'disk' }, BOUND);
  const rows: readonly (readonly [what: string, world: Partial<ClaimWorld>, plan: string])[] = [
    ['stays so', { claim: bound, volume: volume('disk', ref('data', 'u1')) }, 'bind disk'],
    ['mends its volume', { claim: bound, volume: volume('disk') }, 'bind disk'],
    [
      'is lost without its volume',
      { claim: bound },
      'lose Warning ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    ],
    [
      'is lost without the name of its volume',
      { claim: claim({}, BOUND) },
      'lose Warning ClaimLost: Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
    ],
    [
      'is lost when its volume is another’s',
      { claim: bound, volume: volume('disk', ref('data', 'u2')) },
      'lose Warning ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly',
    ],
  ];
  for (const [what, world, plan] of rows) it(what, () => assert.equal(planned(world), plan));
});
