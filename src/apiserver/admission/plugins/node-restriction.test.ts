import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { AdmissionBench, type Asked } from '#kit/admission.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { NODES, PODS } from '../targets.ts';
import { nodeRestriction } from './node-restriction.ts';

const me = { name: 'system:node:n1', groups: ['system:nodes'] };
const pod = (name: string, nodeName: string): Pod => ({
  metadata: { name, namespace: 'default', uid: `${name}-uid` },
  spec: { nodeName, containers: [{ name: 'a' }], serviceAccountName: 'default' },
});

let bench: AdmissionBench;
const run = (asked: Asked): Promise<string> =>
  bench.run(nodeRestriction(bench.services), { user: me, ...asked });

beforeEach(() => {
  bench = new AdmissionBench();
  bench.reader.put(PODS, pod('mine', 'n1'));
  bench.reader.put(PODS, pod('theirs', 'n2'));
  bench.reader.put(NODES, { metadata: { name: 'n1', uid: 'n1-uid' } });
});

describe('NodeRestriction on nodes', () => {
  const node = (labels: Record<string, string> = {}, more: object = {}): object => ({
    metadata: { name: 'n1', labels },
    spec: more,
  });
  const onNode = (object: object, old?: object): Asked => ({
    plural: 'nodes',
    namespaced: false,
    object,
    ...(old === undefined ? {} : { old, operation: 'UPDATE' as const }),
  });

  it('lets others than nodes pass', async () => {
    assert.equal(
      await run({
        ...onNode(node({ 'node-role.kubernetes.io/x': '' })),
        user: { name: 'joe', groups: [] },
      }),
      'admitted',
    );
  });
  it('lets a node register with its own labels', async () => {
    const labels = {
      'kubernetes.io/hostname': 'n1',
      'node.kubernetes.io/x': 'y',
      'x.kubelet.kubernetes.io/y': '',
      mine: 'z',
    };
    assert.equal(await run(onNode(node(labels))), 'admitted');
  });
  it('refuses labels that steer pods', async () => {
    const labels = {
      'node-role.kubernetes.io/control-plane': '',
      'a.node-restriction.kubernetes.io/x': '',
      'k8s.io/y': '',
    };
    assert.equal(
      await run(onNode(node(labels))),
      '403 nodes "n1" is forbidden: node "n1" is not allowed to set the following labels: a.node-restriction.kubernetes.io/x, k8s.io/y, node-role.kubernetes.io/control-plane',
    );
  });
  it('refuses to touch such labels later, but not to keep them', async () => {
    const given = { 'node-role.kubernetes.io/control-plane': '' };
    assert.equal(await run(onNode(node({ ...given, a: 'b' }), node(given))), 'admitted');
    assert.match(
      await run(onNode(node(), node(given))),
      /is not allowed to modify labels: node-role.kubernetes.io\/control-plane$/,
    );
  });
  it('refuses other nodes', async () => {
    assert.match(
      await run({ ...onNode({ metadata: { name: 'n2' } }), operation: 'CREATE' }),
      /node "n1" is not allowed to modify node "n2"$/,
    );
  });
  it('refuses taints and owners', async () => {
    const taints = [{ key: 'k', effect: 'NoSchedule' }];
    assert.match(
      await run(onNode(node({}, { taints }), node())),
      /is not allowed to modify taints$/,
    );
    const owned = { metadata: { name: 'n1', ownerReferences: [{ uid: 'x' }] } };
    assert.match(await run(onNode(owned, node())), /is not allowed to modify ownerReferences$/);
  });
});

describe('NodeRestriction on pods', () => {
  const status = (name: string, next: object, old: Pod): Asked => ({
    plural: 'pods',
    name,
    subresource: 'status',
    operation: 'UPDATE',
    object: next,
    old,
  });

  it('lets a node report on its own pods alone', async () => {
    const [mine, theirs] = [pod('mine', 'n1'), pod('theirs', 'n2')];
    assert.equal(
      await run(status('mine', { ...mine, status: { phase: 'Running' } }, mine)),
      'admitted',
    );
    assert.match(
      await run(status('theirs', theirs, theirs)),
      /node "n1" can only update pod status for pods with spec.nodeName set to itself$/,
    );
  });
  it('refuses to change labels by the way of status', async () => {
    const mine = pod('mine', 'n1');
    const relabelled = { ...mine, metadata: { ...mine.metadata, labels: { a: 'b' } } };
    assert.match(
      await run(status('mine', relabelled, mine)),
      /cannot update labels through pod status$/,
    );
  });
  it('lets a node delete and evict its own pods alone', async () => {
    assert.equal(await run({ plural: 'pods', name: 'mine', operation: 'DELETE' }), 'admitted');
    assert.match(
      await run({ plural: 'pods', name: 'theirs', operation: 'DELETE' }),
      /can only delete pods with spec.nodeName set to itself$/,
    );
    const eviction = (name: string): Asked => ({
      plural: 'pods',
      subresource: 'eviction',
      name,
      object: { metadata: { name } },
    });
    assert.equal(await run(eviction('mine')), 'admitted');
    assert.match(
      await run(eviction('theirs')),
      /node n1 can only evict pods with spec.nodeName set to itself$/,
    );
  });

  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'n1-uid', controller: true };
  const mirror = (change: (pod: Pod) => void = () => {}): Asked => {
    const object: Pod = {
      metadata: {
        name: 'static-n1',
        annotations: { 'kubernetes.io/config.mirror': 'x' },
        ownerReferences: [{ ...owner }],
      },
      spec: { nodeName: 'n1', containers: [{ name: 'a' }] },
    };
    change(object);
    return { plural: 'pods', object };
  };
  const wrong: [name: string, change: (pod: Pod) => void, message: RegExp][] = [
    [
      'is no mirror',
      (p) => delete p.metadata!.annotations,
      /does not have "kubernetes.io\/config.mirror" annotation/,
    ],
    [
      'is of another node',
      (p) => (p.spec!.nodeName = 'n2'),
      /only create pods with spec.nodeName set to itself$/,
    ],
    [
      'has no owner',
      (p) => delete p.metadata!.ownerReferences,
      /with an owner reference set to itself$/,
    ],
    [
      'has two owners',
      (p) => p.metadata!.ownerReferences!.push(owner),
      /with a single owner reference set to itself$/,
    ],
    [
      'is not controlled',
      (p) => delete p.metadata!.ownerReferences![0]!.controller,
      /controller owner reference set to itself$/,
    ],
    [
      'names another uid',
      (p) => (p.metadata!.ownerReferences = [{ ...owner, uid: 'x' }]),
      /UID mismatch: expected x got n1-uid$/,
    ],
    [
      'uses a secret',
      (p) => (p.spec!.volumes = [{ name: 's', secret: { secretName: 's' } }]),
      /can not create pods that reference secrets$/,
    ],
    [
      'uses a claim',
      (p) => (p.spec!.volumes = [{ name: 's', persistentVolumeClaim: { claimName: 's' } }]),
      /reference persistentvolumeclaims$/,
    ],
  ];
  it('lets a node make its mirror pods', async () => assert.equal(await run(mirror()), 'admitted'));
  for (const [name, change, message] of wrong) {
    it(`refuses a pod that ${name}`, async () => assert.match(await run(mirror(change)), message));
  }
});

describe('NodeRestriction on tokens', () => {
  const token = (boundObjectRef: object | undefined, audiences: string[] = []): Asked => ({
    plural: 'serviceaccounts',
    subresource: 'token',
    name: 'default',
    object: { spec: { audiences, boundObjectRef } },
  });
  const bound = { apiVersion: 'v1', kind: 'Pod', name: 'mine', uid: 'mine-uid' };
  const projecting = (): void => {
    const mine = pod('mine', 'n1');
    mine.spec!.volumes = [
      { name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    ];
    bench.reader.put(PODS, mine);
  };

  it('lets a node have tokens that its pods mount', async () => {
    projecting();
    assert.equal(await run(token(bound)), 'admitted');
  });
  it('refuses audiences that no volume names, unless the node may', async () => {
    projecting();
    assert.match(
      await run(token(bound, ['vault'])),
      /audience "vault" not found in pod spec volume, system:node:n1 is not authorized/,
    );
    bench.decision = { outcome: 'allow', reason: '' };
    assert.equal(await run(token(bound, ['vault'])), 'admitted');
  });
  it('says which object of a volume is not there, whatever the node may', async () => {
    bench.decision = { outcome: 'allow', reason: '' };
    const mine = pod('mine', 'n1');
    mine.spec!.volumes = [
      { name: 'd', persistentVolumeClaim: { claimName: 'gone' } },
      { name: 'e', csi: { driver: 'd.example.com' } },
      { name: 'f', awsElasticBlockStore: { volumeID: 'v' } },
    ];
    bench.reader.put(PODS, mine);
    assert.equal(
      await run(token(bound, ['vault'])),
      '403 serviceaccounts "default" is forbidden: error validating audience "vault": [persistentvolumeclaim "gone" not found, csidriver.storage.k8s.io "d.example.com" not found, csidriver.storage.k8s.io "ebs.csi.aws.com" not found]',
    );
  });
  it('refuses tokens that are not bound to a pod of its own', async () => {
    assert.match(await run(token(undefined)), /node requested token not bound to a pod$/);
    assert.match(await run(token({ ...bound, uid: '' })), /with a pod binding without a uid$/);
    assert.match(await run(token({ ...bound, uid: 'old' })), /does not match the UID in record/);
    assert.match(
      await run(token({ ...bound, name: 'theirs', uid: 'theirs-uid' })),
      /scheduled on a different node$/,
    );
  });
});

describe('NodeRestriction on leases', () => {
  const lease = (name: string, namespace: string): Asked => ({
    group: 'coordination.k8s.io',
    plural: 'leases',
    namespace,
    object: { metadata: { name } },
  });
  it('lets a node keep its own lease alone', async () => {
    assert.equal(await run(lease('n1', 'kube-node-lease')), 'admitted');
    assert.match(await run(lease('n2', 'kube-node-lease')), /same name as the requesting node$/);
    assert.match(
      await run(lease('n1', 'default')),
      /can only access leases in the "kube-node-lease" system namespace$/,
    );
  });
});
