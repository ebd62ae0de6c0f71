/** Stories of what Pods claim: ephemeral volumes and devices, from template to release. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT } from '#api/core/event.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { RESOURCE_QUOTA } from '#api/core/resource-quota.ts';
import type {
  PersistentVolumeClaimSpec,
  Pod,
  PodResourceClaim,
  PodSpec,
} from '#api/gen/core-v1.ts';
import type { ResourceClaim, ResourceClaimSpec } from '#api/gen/resource-v1.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { RESOURCE_CLAIM_TEMPLATE } from '#api/resource/resource-claim-template.ts';
import { RESOURCE_SLICE } from '#api/resource/resource-slice.ts';
import { TestCluster } from '#kit/cluster.ts';

const NAMESPACE = 'default';
const FINALIZER = 'resource.kubernetes.io/delete-protection';

function pod(name: string, spec: Partial<PodSpec>): Pod {
  const containers = [{ name: 'main', image: 'web' }];
  return { metadata: { name, namespace: NAMESPACE }, spec: { containers, ...spec } };
}

async function messagesOf(cluster: TestCluster, reason: string): Promise<string[]> {
  const events = await cluster.list(EVENT, NAMESPACE);
  return events.filter((event) => event.reason === reason).map(({ message }) => message ?? '');
}

describe('an ephemeral volume', () => {
  const spec: PersistentVolumeClaimSpec = {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
  };
  const metadata = { labels: { a: 'b' }, annotations: { c: 'd' } };
  const withVolume = pod('web', {
    volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata, spec } } }],
  });
  const claims = (cluster: TestCluster) => cluster.list(PERSISTENT_VOLUME_CLAIM, NAMESPACE);

  it('gets a claim of its own, as its template says, which the Pod takes along', async () => {
    const cluster = await TestCluster.start({ nodes: 0 });
    const { metadata: owner } = await cluster.create(POD, withVolume);
    await cluster.settle();
    const [claim] = await claims(cluster);
    assert.equal(claim?.metadata?.name, 'web-scratch');
    assert.deepEqual(claim.metadata.labels, { a: 'b' });
    assert.equal(claim.metadata.annotations?.['c'], 'd');
    assert.equal(claim.spec?.resources?.requests?.['storage'], '1Gi');
    assert.deepEqual(claim.metadata.ownerReferences, [
      {
        apiVersion: 'v1',
        kind: 'Pod',
        name: 'web',
        uid: owner?.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    await cluster.delete(POD, withVolume, { gracePeriodSeconds: 0 });
    await cluster.settle();
    assert.deepEqual(await claims(cluster), []);
    await cluster.stop();
  });

  it('does not take a claim that somebody else made; when that one goes, it gets its own', async () => {
    const cluster = await TestCluster.start({ nodes: 0 });
    const other = { metadata: { name: 'web-scratch', namespace: NAMESPACE }, spec };
    await cluster.create(PERSISTENT_VOLUME_CLAIM, other);
    await cluster.create(POD, withVolume);
    await cluster.advance(3000);
    const [message] = await messagesOf(cluster, 'FailedBinding');
    const refused =
      'ephemeral volume scratch: PVC default/web-scratch was not created for pod default/web (pod is not owner)';
    assert.equal(message, refused);
    const protectedClaim = await cluster.get(PERSISTENT_VOLUME_CLAIM, 'web-scratch', NAMESPACE);
    await cluster.delete(PERSISTENT_VOLUME_CLAIM, protectedClaim);
    await cluster.patch(PERSISTENT_VOLUME_CLAIM, protectedClaim, {
      metadata: { finalizers: null },
    });
    await cluster.advance(1000);
    const [claim] = await claims(cluster);
    assert.equal(claim?.metadata?.ownerReferences?.[0]?.name, 'web');
    await cluster.stop();
  });
});

describe('a ResourceClaim', () => {
  const spec: ResourceClaimSpec = {
    devices: {
      requests: [
        { name: 'a', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 } },
      ],
    },
  };
  const template = {
    metadata: { name: 'gpus', namespace: NAMESPACE },
    spec: { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } }, spec },
  };
  const fromTemplate: PodResourceClaim = { name: 'gpu', resourceClaimTemplateName: 'gpus' };
  const allocation = {
    devices: { results: [{ request: 'a', driver: 'd.example.com', pool: 'p', device: 'x' }] },
  };

  async function clusterWith(...pods: Pod[]): Promise<TestCluster> {
    const cluster = await TestCluster.start({ nodes: 0 });
    await cluster.create(RESOURCE_CLAIM_TEMPLATE, template);
    for (const each of pods) await cluster.create(POD, each);
    await cluster.settle();
    return cluster;
  }
  const claims = (cluster: TestCluster): Promise<ResourceClaim[]> =>
    cluster.list(RESOURCE_CLAIM, NAMESPACE);
  const namesIn = async (cluster: TestCluster, name = 'web') =>
    (await cluster.get(POD, name, NAMESPACE)).status?.resourceClaimStatuses;

  /** As the scheduler does, for these Pods. */
  async function allocate(cluster: TestCluster, ...pods: string[]): Promise<ResourceClaim> {
    const [claim] = await claims(cluster);
    assert.ok(claim !== undefined);
    await cluster.patch(RESOURCE_CLAIM, claim, { metadata: { finalizers: [FINALIZER] } });
    const reservedFor = [];
    for (const name of pods) {
      const { metadata } = await cluster.get(POD, name, NAMESPACE);
      reservedFor.push({ resource: 'pods', name, uid: metadata?.uid ?? '' });
    }
    const name = claim.metadata?.name ?? '';
    const fresh = await cluster.get(RESOURCE_CLAIM, name, NAMESPACE);
    const next = { ...fresh, status: { allocation, reservedFor } };
    await cluster.run(cluster.client.update(RESOURCE_CLAIM, next, 'status'));
    await cluster.settle();
    return cluster.get(RESOURCE_CLAIM, name, NAMESPACE);
  }

  async function end(cluster: TestCluster, name: string): Promise<void> {
    const running = await cluster.get(POD, name, NAMESPACE);
    const status = { ...running.status, phase: 'Succeeded' as const };
    await cluster.run(cluster.client.update(POD, { ...running, status }, 'status'));
    await cluster.settle();
  }

  it('is made from a template, and the Pod’s status names it', async () => {
    const cluster = await clusterWith(pod('web', { resourceClaims: [fromTemplate] }));
    const [claim] = await claims(cluster);
    assert.match(claim?.metadata?.name ?? '', /^web-gpu-.{5}$/);
    assert.deepEqual(claim?.metadata?.labels, { a: 'b' });
    const annotations = { c: 'd', 'resource.kubernetes.io/pod-claim-name': 'gpu' };
    assert.deepEqual(claim.metadata.annotations, annotations);
    const [owner] = claim.metadata.ownerReferences ?? [];
    assert.deepEqual([owner?.kind, owner?.name, owner?.controller], ['Pod', 'web', true]);
    assert.deepEqual(claim.spec, spec);
    assert.deepEqual(await namesIn(cluster), [
      { name: 'gpu', resourceClaimName: claim.metadata.name },
    ]);
    await cluster.stop();
  });

  it('is made anew when it is deleted before its Pod runs, beside those that are there', async () => {
    const two = [fromTemplate, { name: 'other', resourceClaimTemplateName: 'gpus' }];
    const cluster = await clusterWith(pod('web', { resourceClaims: two }));
    const before = await claims(cluster);
    const [first] = before;
    assert.ok(first !== undefined && before.length === 2);
    await cluster.delete(RESOURCE_CLAIM, first);
    await cluster.settle();
    const after = (await claims(cluster)).map(({ metadata }) => metadata?.name ?? '').toSorted();
    assert.equal(after.length, 2);
    assert.equal(after.includes(first.metadata?.name ?? ''), false);
    const named = (await namesIn(cluster))?.map(({ resourceClaimName }) => resourceClaimName);
    assert.deepEqual(named?.map((each) => each ?? '').toSorted(), after);
    await cluster.stop();
  });

  it('waits for its template', async () => {
    const missing = { name: 'gpu', resourceClaimTemplateName: 'later' };
    const cluster = await clusterWith(pod('web', { resourceClaims: [missing] }));
    const [message] = await messagesOf(cluster, 'FailedResourceClaimCreation');
    assert.equal(
      message,
      'PodResourceClaim gpu: resource claim template "later": resourceclaimtemplate.resource.k8s.io "later" not found',
    );
    const metadata = { name: 'later', namespace: NAMESPACE };
    await cluster.create(RESOURCE_CLAIM_TEMPLATE, { ...template, metadata });
    await cluster.advance(500);
    assert.equal((await namesIn(cluster))?.length, 1);
    await cluster.stop();
  });

  it('is told of on its Pod when it cannot be made', async () => {
    const cluster = await TestCluster.start({ nodes: 0 });
    await cluster.create(RESOURCE_CLAIM_TEMPLATE, template);
    await cluster.create(RESOURCE_QUOTA, {
      metadata: { name: 'none', namespace: NAMESPACE },
      spec: { hard: { 'count/resourceclaims.resource.k8s.io': '0' } },
    });
    await cluster.settle();
    await cluster.create(POD, pod('web', { resourceClaims: [fromTemplate] }));
    await cluster.advance(1000);
    const [message = ''] = await messagesOf(cluster, 'FailedResourceClaimCreation');
    assert.match(message, /^PodResourceClaim gpu: create ResourceClaim : .*exceeded quota: none/);
    await cluster.stop();
  });

  it('is named after both, however long their names are', async () => {
    const long = pod('p'.repeat(60), {
      resourceClaims: [{ ...fromTemplate, name: 'c'.repeat(40) }],
    });
    const cluster = await clusterWith(long);
    const [claim] = await claims(cluster);
    assert.match(claim?.metadata?.name ?? '', /^p{33}-c{22}.{5}$/);
    await cluster.stop();
  });

  it('is deleted when the Pod that it was made for is done, and its devices are free', async () => {
    const cluster = await clusterWith(pod('web', { resourceClaims: [fromTemplate] }));
    const used = await allocate(cluster, 'web');
    assert.equal(used.status?.reservedFor?.length, 1, 'while the Pod may run');
    await end(cluster, 'web');
    assert.deepEqual(await claims(cluster), []);
    await cluster.stop();
  });

  it('of several Pods is free when the last one is gone', async () => {
    const shared = { resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }] };
    const [one, two] = [pod('one', shared), pod('two', shared)];
    const cluster = await clusterWith(one, two);
    const metadata = { name: 'shared', namespace: NAMESPACE };
    await cluster.create(RESOURCE_CLAIM, { metadata, spec });
    await allocate(cluster, 'one', 'two');
    await cluster.delete(POD, one, { gracePeriodSeconds: 0 });
    await cluster.settle();
    const half = await cluster.get(RESOURCE_CLAIM, 'shared', NAMESPACE);
    assert.deepEqual(
      half.status?.reservedFor?.map(({ name }) => name),
      ['two'],
    );
    assert.ok(half.status?.allocation !== undefined);
    assert.deepEqual(half.metadata?.finalizers, [FINALIZER]);
    await cluster.delete(POD, two, { gracePeriodSeconds: 0 });
    await cluster.settle();
    const free = await cluster.get(RESOURCE_CLAIM, 'shared', NAMESPACE);
    assert.equal(free.status?.reservedFor, undefined);
    assert.equal(free.status?.allocation, undefined);
    assert.equal(free.metadata?.finalizers, undefined);
    await cluster.stop();
  });

  it('that is allocated and unused goes when it is deleted', async () => {
    const cluster = await clusterWith();
    const metadata = { name: 'shared', namespace: NAMESPACE };
    await cluster.create(RESOURCE_CLAIM, { metadata, spec });
    const claim = await allocate(cluster);
    assert.ok(claim.status?.allocation !== undefined, 'nobody used it yet');
    await cluster.delete(RESOURCE_CLAIM, claim);
    await cluster.settle();
    assert.deepEqual(await claims(cluster), []);
    await cluster.stop();
  });

  it('is reserved for a Pod that no scheduler bound', async () => {
    const shared = { resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }] };
    const cluster = await clusterWith(pod('web', { ...shared, nodeName: 'node-1' }));
    const metadata = { name: 'shared', namespace: NAMESPACE };
    await cluster.create(RESOURCE_CLAIM, { metadata, spec });
    const claim = await allocate(cluster);
    const { uid } = (await cluster.get(POD, 'web', NAMESPACE)).metadata ?? {};
    assert.deepEqual(claim.status?.reservedFor, [{ resource: 'pods', name: 'web', uid }]);
    await cluster.stop();
  });

  describe('for a device that breaks', () => {
    const slice = (tainted: boolean) => ({
      metadata: { name: 'slice' },
      spec: {
        driver: 'd.example.com',
        nodeName: 'node-1',
        pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
        devices: [
          {
            name: 'x',
            taints: tainted ? [{ key: 'broken', effect: 'NoExecute' as const }] : [],
          },
        ],
      },
    });
    async function clusterWithDevice(tolerationSeconds?: number): Promise<TestCluster> {
      const shared = { resourceClaims: [{ name: 'gpu', resourceClaimName: 'shared' }] };
      const cluster = await TestCluster.start();
      await cluster.create(RESOURCE_SLICE, slice(false));
      await cluster.create(RESOURCE_CLAIM, {
        metadata: { name: 'shared', namespace: NAMESPACE },
        spec,
      });
      const held = pod('web', { ...shared, nodeName: 'node-1' });
      held.metadata!.finalizers = ['example.com/hold'];
      await cluster.create(POD, held);
      const claim = await cluster.get(RESOURCE_CLAIM, 'shared', NAMESPACE);
      const tolerations =
        tolerationSeconds === undefined
          ? []
          : [{ operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds }];
      const results = allocation.devices.results.map((each) => ({ ...each, tolerations }));
      const status = { allocation: { devices: { results } } };
      await cluster.run(cluster.client.update(RESOURCE_CLAIM, { ...claim, status }, 'status'));
      await cluster.settle();
      return cluster;
    }
    const isThere = async (cluster: TestCluster): Promise<boolean> =>
      (await cluster.list(POD, NAMESPACE)).some(
        ({ metadata }) => metadata?.deletionTimestamp === undefined,
      );

    it('the Pod that uses it is deleted', async () => {
      const cluster = await clusterWithDevice();
      assert.equal(await isThere(cluster), true);
      const worse = slice(true);
      const pool = { ...worse.spec.pool, generation: 2 };
      const metadata = { name: 'newer' };
      await cluster.create(RESOURCE_SLICE, { metadata, spec: { ...worse.spec, pool } });
      await cluster.advance(1000);
      assert.equal(await isThere(cluster), false);
      const [leaving] = await cluster.list(POD, NAMESPACE);
      const target = leaving?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
      const { lastTransitionTime: _, lastProbeTime: __, ...said } = target!;
      assert.deepEqual(said, {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByDeviceTaintManager',
        message: 'Device Taint manager: deleting due to NoExecute taint',
      });
      const messages = await messagesOf(cluster, 'DeviceTaintManagerEviction');
      assert.deepEqual(messages, ['Marking for deletion']);
      await cluster.stop();
    });

    it('the Pod stays as long as its claim tolerates, and for good when it is mended', async () => {
      const cluster = await clusterWithDevice(300);
      await cluster.run(cluster.client.update(RESOURCE_SLICE, slice(true)));
      await cluster.advance(290_000);
      assert.equal(await isThere(cluster), true);
      await cluster.run(cluster.client.update(RESOURCE_SLICE, slice(false)));
      await cluster.advance(60_000);
      assert.equal(await isThere(cluster), true);
      const messages = await messagesOf(cluster, 'DeviceTaintManagerEviction');
      assert.deepEqual(messages, ['Cancelling deletion']);
      await cluster.run(cluster.client.update(RESOURCE_SLICE, slice(true)));
      await cluster.advance(310_000);
      assert.equal(await isThere(cluster), false);
      await cluster.stop();
    });
  });
});
