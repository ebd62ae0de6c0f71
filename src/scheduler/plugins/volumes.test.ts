/** The four plug-ins that look at volumes, over one table of claims, volumes and classes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  Pod,
  Volume,
} from '#api/gen/core-v1.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '#api/gen/storage-v1.ts';
import {
  aNode,
  aPod,
  decide,
  place,
  type PodWords,
  snapshotOf,
  type World,
} from '#kit/scheduler-world.ts';
import { isAbout } from '../cluster-events.ts';
import { podInfo } from '../pod-info.ts';
import { nodeVolumeLimits } from './node-volume-limits.ts';
import { PLUGINS } from './order.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const BOUND = { 'pv.kubernetes.io/bind-completed': 'yes' };

interface ClaimWords {
  readonly volume?: string;
  readonly storageClass?: string;
  readonly size?: string;
  readonly modes?: NonNullable<PersistentVolumeClaim['spec']>['accessModes'];
  readonly annotations?: Record<string, string>;
  readonly phase?: 'Lost';
  readonly deleted?: boolean;
  readonly ownerUid?: string;
}

function claim(name: string, words: ClaimWords = {}): PersistentVolumeClaim {
  const { volume, storageClass = 'late', size = '1Gi', modes = ['ReadWriteOnce'] } = words;
  const bound = volume === undefined ? {} : BOUND;
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      annotations: { ...bound, ...words.annotations },
      ...(words.deleted === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
      ...(words.ownerUid === undefined
        ? {}
        : {
            ownerReferences: [
              { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: words.ownerUid, controller: true },
            ],
          }),
    },
    spec: {
      accessModes: modes,
      storageClassName: storageClass,
      resources: { requests: { storage: size } },
      ...(volume === undefined ? {} : { volumeName: volume }),
    },
    ...(words.phase === undefined ? {} : { status: { phase: words.phase } }),
  };
}

interface VolumeWords extends Partial<PersistentVolumeSpec> {
  readonly size?: string;
  readonly on?: string;
  readonly labels?: Record<string, string>;
}

function volume(name: string, words: VolumeWords = {}): PersistentVolume {
  const { size = '1Gi', on, labels = {}, ...rest } = words;
  const matchExpressions = [{ key: HOST, operator: 'In' as const, values: [on ?? ''] }];
  return {
    metadata: { name, labels, resourceVersion: '1' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: size },
      storageClassName: 'late',
      ...(on === undefined
        ? {}
        : { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } } }),
      ...rest,
    },
    status: { phase: 'Available' },
  };
}

const classes: StorageClass[] = [
  {
    metadata: { name: 'late' },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  },
  {
    metadata: { name: 'made' },
    provisioner: 'csi.example.com',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE, values: ['b'] }] }],
  },
  { metadata: { name: 'soon' }, provisioner: 'csi.example.com', volumeBindingMode: 'Immediate' },
];

const nodes = [aNode('a', { labels: { [ZONE]: 'a' } }), aNode('b', { labels: { [ZONE]: 'b' } })];

interface Storage {
  readonly claims?: readonly PersistentVolumeClaim[];
  readonly volumes?: readonly PersistentVolume[];
  readonly csiNodes?: readonly CSINode[];
  readonly drivers?: readonly CSIDriver[];
  readonly capacities?: readonly CSIStorageCapacity[];
  readonly attachments?: readonly VolumeAttachment[];
}

function storage(words: Storage): NonNullable<World['objects']> {
  const { claims = [], volumes = [], csiNodes = [], drivers = [], capacities = [] } = words;
  return {
    claim: (key) => claims.find(({ metadata }) => `default/${metadata?.name}` === key),
    volume: (name) => volumes.find(({ metadata }) => metadata?.name === name),
    volumesOfClass: (name) => volumes.filter(({ spec }) => spec?.storageClassName === name),
    storageClass: (name) => classes.find(({ metadata }) => metadata?.name === name),
    csiNode: (name) => csiNodes.find(({ metadata }) => metadata?.name === name),
    csiDriver: (name) => drivers.find(({ metadata }) => metadata?.name === name),
    storageCapacities: (name) => capacities.filter((each) => each.storageClassName === name),
    volumeAttachments: (node) =>
      (words.attachments ?? []).filter(({ spec }) => spec?.nodeName === node),
  };
}

function using(...claims: string[]): PodWords {
  return {
    volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
  };
}

const refusal = (reason: string): string => `0/2 nodes are available: ${reason}.`;

describe('VolumeBinding', () => {
  type Row = [claim: string, words: Storage, pod: PodWords, expected: string];
  const rows: Row[] = [
    [
      'goes to the node that its volume is within reach of',
      { claims: [claim('c', { volume: 'v' })], volumes: [volume('v', { on: 'b' })] },
      using('c'),
      'b',
    ],
    [
      'says that its volume is out of reach',
      { claims: [claim('c', { volume: 'v' })], volumes: [volume('v', { on: 'x' })] },
      using('c'),
      refusal("2 node(s) didn't match PersistentVolume's node affinity"),
    ],
    [
      'says that its volume is not there',
      { claims: [claim('c', { volume: 'v' })] },
      using('c'),
      refusal('2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'),
    ],
    [
      'says that its claim is not there',
      {},
      using('c'),
      refusal('persistentvolumeclaim "c" not found'),
    ],
    [
      'says that its claim has lost its volume',
      { claims: [claim('c', { volume: 'v', phase: 'Lost' })] },
      using('c'),
      refusal('persistentvolumeclaim "c" bound to non-existent persistentvolume "v"'),
    ],
    [
      'says that its claim goes',
      { claims: [claim('c', { deleted: true })] },
      using('c'),
      refusal('persistentvolumeclaim "c" is being deleted'),
    ],
    [
      'waits for a claim that gets its volume by itself',
      { claims: [claim('c', { storageClass: 'soon' })] },
      using('c'),
      refusal('pod has unbound immediate PersistentVolumeClaims'),
    ],
    [
      'goes where a free volume is',
      { claims: [claim('c')], volumes: [volume('v', { on: 'b' })] },
      using('c'),
      'b',
    ],
    [
      'takes no volume that is too small, of another class or mode, or taken',
      {
        claims: [claim('c', { size: '2Gi' })],
        volumes: [
          volume('small', { on: 'b' }),
          volume('other', { size: '2Gi', storageClassName: 'other' }),
          volume('block', { size: '2Gi', volumeMode: 'Block' }),
          volume('shared', { size: '2Gi', accessModes: ['ReadOnlyMany'] }),
          volume('taken', { size: '2Gi', claimRef: { name: 'x', namespace: 'default' } }),
        ],
      },
      using('c'),
      refusal("2 node(s) didn't find available persistent volumes to bind"),
    ],
    [
      'takes the volume that is kept for its claim',
      {
        claims: [claim('c')],
        volumes: [
          volume('v', { on: 'a' }),
          volume('kept', { on: 'b', claimRef: { name: 'c', namespace: 'default' } }),
        ],
      },
      using('c'),
      'b',
    ],
    [
      'needs a volume for each claim',
      { claims: [claim('c'), claim('d')], volumes: [volume('v', { on: 'b' })] },
      using('c', 'd'),
      refusal("2 node(s) didn't find available persistent volumes to bind"),
    ],
    [
      'goes where a volume can be made',
      { claims: [claim('c', { storageClass: 'made' })] },
      using('c'),
      'b',
    ],
    [
      'stays with the node for which its volume is being made',
      {
        claims: [
          claim('c', {
            storageClass: 'made',
            annotations: { 'volume.kubernetes.io/selected-node': 'a' },
          }),
        ],
      },
      using('c'),
      refusal("2 node(s) didn't find available persistent volumes to bind"),
    ],
    [
      'needs the space that a driver tells of',
      {
        claims: [claim('c', { storageClass: 'made', size: '2Gi' })],
        drivers: [{ metadata: { name: 'csi.example.com' }, spec: { storageCapacity: true } }],
        capacities: [
          {
            storageClassName: 'made',
            capacity: '1Gi',
            nodeTopology: { matchLabels: { [ZONE]: 'b' } },
          },
        ],
      },
      using('c'),
      '0/2 nodes are available: ' +
        "1 node(s) did not have enough free storage, 1 node(s) didn't find available persistent volumes to bind.",
    ],
    [
      'finds the space that a driver tells of',
      {
        claims: [claim('c', { storageClass: 'made', size: '2Gi' })],
        drivers: [{ metadata: { name: 'csi.example.com' }, spec: { storageCapacity: true } }],
        capacities: [
          {
            storageClassName: 'made',
            capacity: '9Gi',
            maximumVolumeSize: '2Gi',
            nodeTopology: { matchLabels: { [ZONE]: 'b' } },
          },
        ],
      },
      using('c'),
      'b',
    ],
    [
      'waits for the claim of an ephemeral volume',
      {},
      { volumes: [{ name: 'e', ephemeral: {} }] },
      refusal('waiting for ephemeral volume controller to create the persistentvolumeclaim "p-e"'),
    ],
    [
      'does not take the claim of somebody else for its own',
      { claims: [claim('p-e', { ownerUid: 'other' })] },
      { volumes: [{ name: 'e', ephemeral: {} }] },
      refusal('PVC default/p-e was not created for pod default/p (pod is not owner)'),
    ],
    [
      'has a claim of its own for an ephemeral volume',
      {
        claims: [claim('p-e', { ownerUid: 'p', volume: 'v' })],
        volumes: [volume('v', { on: 'b' })],
      },
      { volumes: [{ name: 'e', ephemeral: {} }] },
      'b',
    ],
  ];
  for (const [what, words, pod, expected] of rows) {
    it(what, () => {
      const world = { nodes, objects: storage(words) };
      assert.equal(place(world, aPod('p', pod), [volumeBinding]), expected);
    });
  }

  it('says why a volume does not come about', () => {
    const words = { claims: [claim('c')], volumes: [volume('v')] };
    const shown: Storage = { ...words };
    const objects = {
      ...storage(words),
      claim: (key: string) => storage(shown).claim?.(key),
      volume: (name: string) => storage(shown).volume?.(name),
    };
    const cluster = snapshotOf({ nodes, objects });
    const made = decide(cluster, aPod('p', using('c')), [volumeBinding]);
    assert.ok('node' in made);
    const node = cluster.node(made.node);
    assert.ok(node !== undefined);
    const [reservation] = made.run.filters.flatMap((each) => each.reserve?.(node) ?? []);
    const why = (changed: Storage, expected: string): void => {
      Object.assign(shown, words, changed);
      assert.throws(() => reservation?.isReady([]), { message: expected });
    };
    why({ volumes: [] }, 'failed to check binding: persistentvolumes "v" not found');
    why({ claims: [] }, 'failed to check binding: persistentvolumeclaims "default/c" not found');
    why(
      { volumes: [volume('v', { on: 'elsewhere' })] },
      `pv "v" node affinity doesn't match node "${node.name}": no matching NodeSelectorTerms`,
    );
  });

  it('has a pod tried again when the driver of its own volume forgets its space', () => {
    const csi = { driver: 'd' };
    const driver = (name: string, storageCapacity: boolean): CSIDriver => ({
      metadata: { name },
      spec: { storageCapacity },
    });
    const helps = (name: string, before: boolean, after: boolean): boolean | undefined => {
      const [resource, action] = ['CSIDriver', 'Update'] as const;
      const event = { resource, action, before: driver(name, before), after: driver(name, after) };
      const pod = podInfo(aPod('p', { volumes: [{ name: 'v', csi }] }));
      const hint = volumeBinding.hints?.find((each) => isAbout(each, event));
      return hint?.helps?.(pod, event, snapshotOf({ nodes }));
    };
    assert.equal(helps('d', true, false), true);
    assert.equal(helps('d', false, true), false);
    assert.equal(helps('e', true, false), false);
  });

  it('keeps a volume for the pod that was given it, until that is given back', () => {
    const objects = storage({ claims: [claim('c'), claim('d')], volumes: [volume('v')] });
    const cluster = snapshotOf({ nodes, objects });
    const first = decide(cluster, aPod('p', using('c')), [volumeBinding]);
    assert.ok('node' in first);
    const node = cluster.node(first.node);
    assert.ok(node !== undefined);
    const [reservation] = first.run.filters.flatMap((each) => each.reserve?.(node) ?? []);
    assert.ok(reservation !== undefined);
    assert.deepEqual(reservation.writes, [
      {
        kind: 'PersistentVolume',
        target: { name: 'v' },
        patch: {
          metadata: {
            resourceVersion: '1',
            annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' },
          },
          spec: {
            claimRef: {
              kind: 'PersistentVolumeClaim',
              apiVersion: 'v1',
              name: 'c',
              namespace: 'default',
              uid: 'uid-c',
              resourceVersion: '1',
            },
          },
        },
      },
    ]);
    const second = (): string => {
      const result = decide(cluster, aPod('q', using('d')), [volumeBinding]);
      return 'node' in result ? result.node : 'nowhere';
    };
    assert.equal(second(), 'nowhere');
    reservation.release();
    assert.equal(second(), 'a');
  });
});

describe('VolumeZone', () => {
  type Row = [claim: string, words: Storage, expected: string];
  const inZone = (value: string) => volume('v', { labels: { [ZONE]: value } });
  const rows: Row[] = [
    [
      'goes to the zone of its volume',
      { claims: [claim('c', { volume: 'v' })], volumes: [inZone('b')] },
      'b',
    ],
    [
      'goes to any of the zones of its volume',
      { claims: [claim('c', { volume: 'v' })], volumes: [inZone('x__b')] },
      'b',
    ],
    [
      'knows the old label',
      {
        claims: [claim('c', { volume: 'v' })],
        volumes: [volume('v', { labels: { 'failure-domain.beta.kubernetes.io/zone': 'b' } })],
      },
      'b',
    ],
    [
      'says that its volume is elsewhere',
      { claims: [claim('c', { volume: 'v' })], volumes: [inZone('x')] },
      refusal('2 node(s) had no available volume zone'),
    ],
    [
      'says that its volume is not there',
      { claims: [claim('c', { volume: 'v' })] },
      refusal('persistentvolume "v" not found'),
    ],
    ['says that its claim is not there', {}, refusal('persistentvolumeclaim "c" not found')],
    [
      'says that the class of its claim is not there',
      { claims: [claim('c', { storageClass: 'none' })] },
      refusal('storageclass.storage.k8s.io "none" not found'),
    ],
    [
      'says that its claim can get no volume',
      { claims: [claim('c', { storageClass: '' })] },
      refusal('PersistentVolumeClaim had no pv name and storageClass name'),
    ],
    [
      'says that its claim should have a volume',
      { claims: [claim('c', { storageClass: 'soon' })] },
      refusal('PersistentVolume had no name'),
    ],
    ['goes anywhere while its volume is still to be chosen', { claims: [claim('c')] }, 'a'],
  ];
  for (const [what, words, expected] of rows) {
    it(what, () => {
      const world = { nodes, objects: storage(words) };
      assert.equal(place(world, aPod('p', using('c')), [volumeZone]), expected);
    });
  }

  it('does not mind where nodes say nothing of their place', () => {
    const objects = storage({ claims: [claim('c', { volume: 'v' })], volumes: [inZone('x')] });
    assert.equal(place({ nodes: [aNode('a')], objects }, aPod('p', using('c')), [volumeZone]), 'a');
  });
});

describe('NodeVolumeLimits', () => {
  const csi = (name: string): PersistentVolume =>
    volume(name, { csi: { driver: 'csi.example.com', volumeHandle: name } });
  const limit = (count: number): CSINode => ({
    metadata: { name: 'a' },
    spec: {
      drivers: [{ name: 'csi.example.com', nodeID: 'a', topologyKeys: [], allocatable: { count } }],
    },
  });
  const claims = ['c', 'd', 'e'].map((name) => claim(name, { volume: `v${name}` }));
  const volumes = ['vc', 'vd', 've'].map(csi);
  type Row = [claim: string, words: Storage, placed: readonly Pod[], pod: PodWords, fits: boolean];
  const has = (...names: string[]) => aPod(`has-${names.join('')}`, using(...names));
  const rows: Row[] = [
    ['fits within the limit', { csiNodes: [limit(2)] }, [has('d')], using('c'), true],
    ['counts volumes of pods', { csiNodes: [limit(1)] }, [has('d')], using('c'), false],
    ['counts a shared volume once', { csiNodes: [limit(1)] }, [has('c')], using('c'), true],
    ['counts all that it brings', { csiNodes: [limit(1)] }, [], using('c', 'd'), false],
    ['has no limit where none is told', {}, [has('d')], using('c'), true],
    [
      'counts what is still attached',
      {
        csiNodes: [limit(1)],
        attachments: [
          {
            spec: {
              attacher: 'csi.example.com',
              nodeName: 'a',
              source: { persistentVolumeName: 've' },
            },
          },
        ],
      },
      [],
      using('c'),
      false,
    ],
    [
      'counts a volume that is still to be made',
      { csiNodes: [limit(0)], claims: [claim('c', { storageClass: 'made' })] },
      [],
      using('c'),
      false,
    ],
  ];
  for (const [what, words, placed, pod, fits] of rows) {
    it(what, () => {
      const objects = storage({ claims, volumes, ...words });
      const world = {
        nodes: [aNode('a')],
        objects,
        placed: placed.map((each) => [each, 'a'] as const),
      };
      const expected = fits ? 'a' : '0/1 nodes are available: 1 node(s) exceed max volume count.';
      assert.equal(place(world, aPod('p', pod), [nodeVolumeLimits]), expected);
    });
  }
});

describe('VolumeRestrictions', () => {
  const disk = (name: string, source: Omit<Volume, 'name'>): [string, PodWords] => [
    name,
    { volumes: [{ name: 'disk', ...source }] },
  ];
  const readOnly = true;
  const rows: [string, PodWords, PodWords, conflict: boolean][] = [
    [
      ...disk('GCE disk', { gcePersistentDisk: { pdName: 'x' } }),
      disk('', { gcePersistentDisk: { pdName: 'x', readOnly } })[1],
      true,
    ],
    [
      ...disk('GCE disk that both only read', { gcePersistentDisk: { pdName: 'x', readOnly } }),
      disk('', { gcePersistentDisk: { pdName: 'x', readOnly } })[1],
      false,
    ],
    [
      ...disk('AWS disk, even to read', { awsElasticBlockStore: { volumeID: 'x', readOnly } }),
      disk('', { awsElasticBlockStore: { volumeID: 'x', readOnly } })[1],
      true,
    ],
    [
      ...disk('ISCSI disk', { iscsi: { iqn: 'x', targetPortal: 'a', lun: 0 } }),
      disk('', { iscsi: { iqn: 'x', targetPortal: 'b', lun: 0 } })[1],
      true,
    ],
    [
      ...disk('RBD image', { rbd: { monitors: ['m', 'n'], image: 'i', pool: 'p' } }),
      disk('', { rbd: { monitors: ['n'], image: 'i', pool: 'p' } })[1],
      true,
    ],
    [
      ...disk('RBD image of another pool', { rbd: { monitors: ['m'], image: 'i', pool: 'p' } }),
      disk('', { rbd: { monitors: ['m'], image: 'i', pool: 'q' } })[1],
      false,
    ],
  ];
  for (const [what, there, wanted, conflict] of rows) {
    it(`${conflict ? 'does not share' : 'shares'} a node over a ${what}`, () => {
      const world = { nodes: [aNode('a')], placed: [[aPod('x', there), 'a']] as const };
      const expected = conflict ? '0/1 nodes are available: 1 node(s) had no available disk.' : 'a';
      assert.equal(place(world, aPod('p', wanted), [volumeRestrictions]), expected);
    });
  }

  it('gives a claim of one pod to no other, on any node', () => {
    const objects = storage({ claims: [claim('c', { modes: ['ReadWriteOncePod'] })] });
    const world = { nodes, objects, placed: [[aPod('x', using('c')), 'a']] as const };
    assert.equal(
      place(world, aPod('p', using('c')), [volumeRestrictions]),
      refusal(
        '2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
      ),
    );
  });

  it('is the first to say that a claim is not there', () => {
    assert.equal(
      place({ nodes }, aPod('p', using('c')), PLUGINS),
      refusal('persistentvolumeclaim "c" not found'),
    );
  });
});
