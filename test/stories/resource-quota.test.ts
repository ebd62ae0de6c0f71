/** Stories of ResourceQuotas: what their status says, and when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CUSTOM_RESOURCE_DEFINITION } from '#api/apiextensions/custom-resource-definition.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { RESOURCE_QUOTA } from '#api/core/resource-quota.ts';
import { SECRET } from '#api/core/secret.ts';
import { SERVICE } from '#api/core/service.ts';
import type { Pod, PodSpec, ResourceQuotaSpec } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import type { ResourceType } from '#client/client.ts';
import { resourceQuotaController } from '#controllers/resourcequota.ts';
import { replicaSet } from '#kit/builders.ts';
import { TestCluster } from '#kit/cluster.ts';

const NAMESPACE = 'default';
const CONTAINER = { name: 'main', image: 'web' };

async function clusterWith(
  hard: Record<string, string>,
  change: Partial<ResourceQuotaSpec> = {},
): Promise<TestCluster> {
  const cluster = await TestCluster.start();
  await limit(cluster, 'quota', hard, change);
  await cluster.settle();
  return cluster;
}

async function limit(
  cluster: TestCluster,
  name: string,
  hard: Record<string, string>,
  change: Partial<ResourceQuotaSpec> = {},
): Promise<void> {
  await cluster.create(RESOURCE_QUOTA, {
    metadata: { name, namespace: NAMESPACE },
    spec: { hard, ...change },
  });
}

async function used(cluster: TestCluster, name = 'quota'): Promise<Record<string, string>> {
  const { status } = await cluster.get(RESOURCE_QUOTA, name, NAMESPACE);
  return { ...status?.used };
}

function pod(name: string, spec: Partial<PodSpec> = {}): Pod {
  return { metadata: { name, namespace: NAMESPACE }, spec: { containers: [CONTAINER], ...spec } };
}

function plain(name: string): KubeObject {
  return { metadata: { name, namespace: NAMESPACE } };
}

describe('a ResourceQuota', () => {
  it('says what it limits and what is used as soon as it is made', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(CONFIG_MAP, plain('early'));
    const before = (await cluster.list(CONFIG_MAP, NAMESPACE)).length;
    await limit(cluster, 'quota', { configmaps: '10', 'count/configmaps': '9', pods: '5' });
    await cluster.advance(100);
    const { status } = await cluster.get(RESOURCE_QUOTA, 'quota', NAMESPACE);
    assert.deepEqual(status, {
      hard: { configmaps: '10', 'count/configmaps': '9', pods: '5' },
      used: { configmaps: `${before}`, 'count/configmaps': `${before}`, pods: '0' },
    });
    await cluster.stop();
  });

  it('follows Pods: what they ask for while they may run, their number until they are gone', async () => {
    const cluster = await clusterWith({ 'requests.cpu': '5', pods: '5', 'count/pods': '5' });
    const resources = { requests: { cpu: '500m' } };
    await cluster.create(POD, pod('one', { containers: [{ ...CONTAINER, resources }] }));
    await cluster.settle();
    assert.deepEqual(await used(cluster), { 'requests.cpu': '500m', pods: '1', 'count/pods': '1' });
    const { resourceVersion } = (await cluster.get(POD, 'one', NAMESPACE)).metadata ?? {};
    assert.ok(resourceVersion !== undefined);
    const failed = { ...(await cluster.get(POD, 'one', NAMESPACE)), status: { phase: 'Failed' } };
    await cluster.run(cluster.client.update(POD, failed as Pod, 'status'));
    await cluster.settle();
    assert.deepEqual(await used(cluster), { 'requests.cpu': '0', pods: '0', 'count/pods': '1' });
    await cluster.delete(POD, failed as Pod, { gracePeriodSeconds: 0 });
    await cluster.settle();
    assert.deepEqual(await used(cluster), { 'requests.cpu': '0', pods: '0', 'count/pods': '0' });
    await cluster.stop();
  });

  it('follows the type of a Service', async () => {
    const hard = { services: '9', 'services.nodeports': '9', 'services.loadbalancers': '9' };
    const cluster = await clusterWith(hard);
    const before = Number((await used(cluster))['services']);
    const ports = [{ port: 80 }];
    const service = { ...plain('web'), spec: { type: 'LoadBalancer' as const, ports } };
    await cluster.create(SERVICE, service);
    await cluster.settle();
    const outside = { 'services.nodeports': '1', 'services.loadbalancers': '1' };
    assert.deepEqual(await used(cluster), { services: `${before + 1}`, ...outside });
    await cluster.patch(SERVICE, service, { spec: { type: 'ClusterIP' } });
    await cluster.settle();
    const inside = { 'services.nodeports': '0', 'services.loadbalancers': '0' };
    assert.deepEqual(await used(cluster), { services: `${before + 1}`, ...inside });
    await cluster.stop();
  });

  it('counts storage of claims by class', async () => {
    const name = 'gold.storageclass.storage.k8s.io/requests.storage';
    const cluster = await clusterWith({ 'requests.storage': '10Gi', [name]: '5Gi' });
    const claim = (storageClassName: string) => ({
      ...plain(storageClassName),
      spec: {
        storageClassName,
        accessModes: ['ReadWriteOnce' as const],
        resources: { requests: { storage: '1Gi' } },
      },
    });
    for (const each of ['gold', 'iron']) await cluster.create(PERSISTENT_VOLUME_CLAIM, claim(each));
    await cluster.settle();
    assert.deepEqual(await used(cluster), { 'requests.storage': '2Gi', [name]: '1Gi' });
    await cluster.stop();
  });

  it('sees a claim that asks for less again', async () => {
    const cluster = await clusterWith({ 'requests.storage': '10Gi' });
    await cluster.create(STORAGE_CLASS, {
      ...plain('gold'),
      provisioner: 'csi.example.com',
      allowVolumeExpansion: true,
    });
    const claim = await cluster.create(PERSISTENT_VOLUME_CLAIM, {
      ...plain('data'),
      spec: {
        storageClassName: 'gold',
        volumeName: 'volume',
        accessModes: ['ReadWriteOnce' as const],
        resources: { requests: { storage: '1Gi' } },
      },
    });
    const capacity = { storage: '1Gi' };
    const bound = { ...claim, status: { phase: 'Bound' as const, capacity } };
    await cluster.run(cluster.client.update(PERSISTENT_VOLUME_CLAIM, bound, 'status'));
    for (const [storage, counted] of [
      ['8Gi', '8Gi'],
      ['3Gi', '3Gi'],
    ] as const) {
      await cluster.patch(PERSISTENT_VOLUME_CLAIM, claim, {
        spec: { resources: { requests: { storage } } },
      });
      await cluster.advance(1000);
      assert.deepEqual(await used(cluster), { 'requests.storage': counted });
    }
    await cluster.stop();
  });

  it('counts objects of any served resource, and of a custom one that is served later', async () => {
    const hard = { 'count/replicasets.apps': '5', 'count/drinks.example.com': '5', secrets: '5' };
    const cluster = await clusterWith(hard);
    await cluster.create(REPLICA_SET, replicaSet('web replicas=0'));
    await cluster.create(SECRET, plain('password'));
    await cluster.settle();
    assert.deepEqual(await used(cluster), { 'count/replicasets.apps': '1', secrets: '1' });
    const drink = await serveDrinks(cluster);
    await cluster.advance(60_000);
    await cluster.create(drink, plain('tea'));
    assert.equal((await used(cluster))['count/drinks.example.com'], '1');
    await cluster.delete(drink, plain('tea'));
    await cluster.delete(SECRET, plain('password'));
    await cluster.settle();
    const none = { 'count/drinks.example.com': '0', secrets: '0' };
    assert.deepEqual(await used(cluster), { 'count/replicasets.apps': '1', ...none });
    await cluster.stop();
  });

  it('counts custom resources that come back in another version', async () => {
    const cluster = await clusterWith({ 'count/drinks.example.com': '5' });
    const drink = await serveDrinks(cluster);
    await cluster.advance(60_000);
    await cluster.create(drink, plain('tea'));
    await cluster.delete(CUSTOM_RESOURCE_DEFINITION, { metadata: { name: 'drinks.example.com' } });
    await cluster.advance(60_000);
    const other = await serveDrinks(cluster, 'v2');
    await cluster.advance(60_000);
    await cluster.create(other, plain('coffee'));
    assert.equal((await used(cluster))['count/drinks.example.com'], '1');
    await cluster.delete(other, plain('coffee'));
    await cluster.settle();
    assert.equal((await used(cluster))['count/drinks.example.com'], '0');
    await cluster.stop();
  });

  it('knows new limits at once, and forgets what it no longer limits', async () => {
    const cluster = await clusterWith({ pods: '5', secrets: '1' });
    await cluster.patch(RESOURCE_QUOTA, plain('quota'), {
      spec: { hard: { pods: '7', secrets: null, services: '2' } },
    });
    await cluster.advance(100);
    const { status } = await cluster.get(RESOURCE_QUOTA, 'quota', NAMESPACE);
    assert.deepEqual(status?.hard, { pods: '7', services: '2' });
    assert.deepEqual(Object.keys(status.used ?? {}).toSorted(), ['pods', 'services']);
    await cluster.stop();
  });

  it('counts what is in its scopes', async () => {
    const cluster = await clusterWith({ pods: '5' }, { scopes: ['NotTerminating'] });
    await limit(cluster, 'short', { pods: '5' }, { scopes: ['Terminating'] });
    await limit(
      cluster,
      'important',
      { pods: '5' },
      {
        scopeSelector: {
          matchExpressions: [
            { scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] },
          ],
        },
      },
    );
    await cluster.create(POD, pod('long'));
    await cluster.create(POD, pod('short', { activeDeadlineSeconds: 3600 }));
    await cluster.create(POD, pod('vital', { priorityClassName: 'system-node-critical' }));
    await cluster.settle();
    assert.deepEqual(await used(cluster), { pods: '2' });
    assert.deepEqual(await used(cluster, 'short'), { pods: '1' });
    assert.deepEqual(await used(cluster, 'important'), { pods: '1' });
    await cluster.patch(POD, pod('long'), { spec: { activeDeadlineSeconds: 3600 } });
    await cluster.settle();
    assert.deepEqual(await used(cluster), { pods: '1' });
    assert.deepEqual(await used(cluster, 'short'), { pods: '2' });
    await cluster.stop();
  });

  it('is charged for a creation that failed until all is counted anew, within five minutes', async () => {
    const cluster = await clusterWith({ 'count/secrets': '5' });
    await cluster.create(SECRET, plain('one'));
    await assert.rejects(cluster.create(SECRET, plain('one')), /already exists/);
    await cluster.settle();
    assert.deepEqual(await used(cluster), { 'count/secrets': '2' });
    await cluster.advance(5 * 60_000);
    assert.deepEqual(await used(cluster), { 'count/secrets': '1' });
    await cluster.delete(SECRET, plain('one'));
    await cluster.advance(1000);
    assert.deepEqual(await used(cluster), { 'count/secrets': '0' });
    await cluster.stop();
  });

  it('is not counted anew where that is not wanted', async () => {
    const controllers = [resourceQuotaController({ resyncMs: 0 })];
    const cluster = await TestCluster.start({ controllers });
    await limit(cluster, 'quota', { pods: '5' });
    await cluster.advance(10 * 60_000);
    const [state] = cluster.manager?.states() ?? [];
    assert.ok(state!.passes < 5);
    assert.deepEqual(await used(cluster), { pods: '0' });
    await cluster.stop();
  });

  it('mends a status that somebody wrote', async () => {
    const cluster = await clusterWith({ secrets: '5' });
    const quota = await cluster.get(RESOURCE_QUOTA, 'quota', NAMESPACE);
    const wrong = { ...quota, status: { hard: { secrets: '5' }, used: { secrets: '4' } } };
    await cluster.run(cluster.client.update(RESOURCE_QUOTA, wrong, 'status'));
    await cluster.advance(5 * 60_000);
    assert.deepEqual(await used(cluster), { secrets: '0' });
    await cluster.stop();
  });
});

async function serveDrinks(
  cluster: TestCluster,
  version = 'v1',
): Promise<ResourceType<KubeObject>> {
  const names = { plural: 'drinks', singular: 'drink', kind: 'Drink', listKind: 'DrinkList' };
  await cluster.create(CUSTOM_RESOURCE_DEFINITION, {
    metadata: { name: 'drinks.example.com' },
    spec: {
      group: 'example.com',
      names,
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      ],
    },
  });
  await cluster.settle();
  return { group: 'example.com', version, kind: 'Drink', plural: 'drinks', namespaced: true };
}
