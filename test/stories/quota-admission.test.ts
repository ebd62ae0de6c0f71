/** Stories of what ResourceQuotas let in and refuse. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CUSTOM_RESOURCE_DEFINITION } from '#api/apiextensions/custom-resource-definition.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import { RESOURCE_QUOTA } from '#api/core/resource-quota.ts';
import { SECRET } from '#api/core/secret.ts';
import { SERVICE } from '#api/core/service.ts';
import type {
  Pod,
  PodSpec,
  ResourceQuotaSpec,
  ScopedResourceSelectorRequirement,
} from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { PRIORITY_CLASS } from '#api/scheduling/priority-class.ts';
import { STORAGE_CLASS } from '#api/storage/storage-class.ts';
import type { ResourceType } from '#client/client.ts';
import { TestCluster } from '#kit/cluster.ts';

const NAMESPACE = 'default';
const CONTAINER = { name: 'main', image: 'web' };

type Hard = Record<string, string>;

async function clusterWith(
  hard: Hard,
  change: Partial<ResourceQuotaSpec> = {},
): Promise<TestCluster> {
  const cluster = await TestCluster.start();
  await limit(cluster, 'quota', hard, change);
  return cluster;
}

async function limit(
  cluster: TestCluster,
  name: string,
  hard: Hard,
  change: Partial<ResourceQuotaSpec> = {},
): Promise<void> {
  await cluster.create(RESOURCE_QUOTA, { ...plain(name), spec: { hard, ...change } });
  await cluster.advance(1000);
}

async function used(cluster: TestCluster, name = 'quota'): Promise<Hard> {
  const { status } = await cluster.get(RESOURCE_QUOTA, name, NAMESPACE);
  return { ...status?.used };
}

function plain(name: string): KubeObject {
  return { metadata: { name, namespace: NAMESPACE } };
}

function pod(name: string, change: Partial<PodSpec> = {}, cpu?: string): Pod {
  const resources = cpu === undefined ? {} : { resources: { requests: { cpu } } };
  return { ...plain(name), spec: { containers: [{ ...CONTAINER, ...resources }], ...change } };
}

function refusal(message: string, code = 403): { code: number; message: string } {
  return { code, message };
}

describe('a ResourceQuota', () => {
  it('refuses what does not fit, and says by how much', async () => {
    const cluster = await clusterWith({ pods: '2', 'requests.cpu': '300m' });
    await cluster.create(POD, pod('one', {}, '200m'));
    assert.deepEqual(await used(cluster), { pods: '1', 'requests.cpu': '200m' });
    await assert.rejects(
      cluster.create(POD, pod('two', {}, '200m')),
      refusal(
        'pods "two" is forbidden: exceeded quota: quota, requested: requests.cpu=200m, used: requests.cpu=200m, limited: requests.cpu=300m',
      ),
    );
    await assert.rejects(
      cluster.create(POD, pod('three')),
      refusal(
        'pods "three" is forbidden: failed quota: quota: must specify requests.cpu for: main',
      ),
    );
    await cluster.create(POD, pod('four', {}, '100m'));
    assert.deepEqual(await used(cluster), { pods: '2', 'requests.cpu': '300m' });
    await cluster.stop();
  });

  it('gives room again when something is deleted', async () => {
    const cluster = await clusterWith({ secrets: '1', 'count/pods': '1' });
    const message =
      /exceeded quota: quota, requested: secrets=1, used: secrets=1, limited: secrets=1/;
    await cluster.create(SECRET, plain('one'));
    await assert.rejects(cluster.create(SECRET, plain('two')), message);
    await cluster.delete(SECRET, plain('one'));
    await cluster.advance(1000);
    await cluster.create(SECRET, plain('two'));
    await assert.rejects(cluster.create(SECRET, plain('three')), message);
    await cluster.stop();
  });

  it('lets exactly as many in as it says, of a hundred who come at once', async () => {
    const cluster = await clusterWith({ 'count/configmaps': '11', secrets: '10' });
    const [before, at] = [
      (await cluster.list(CONFIG_MAP, NAMESPACE)).length,
      await cluster.store.revision(),
    ];
    const make = (i: number): Promise<KubeObject> =>
      cluster.client.create(SECRET, {
        metadata: { namespace: NAMESPACE, ...(i % 2 ? { name: `s${i}` } : { generateName: 's-' }) },
      });
    const ends = await cluster.run(
      Promise.allSettled(Array.from({ length: 100 }, (_, i) => make(i))),
    );
    const made = ends.filter(({ status }) => status === 'fulfilled').length;
    assert.equal(made, 10);
    assert.equal((await cluster.list(SECRET, NAMESPACE)).length, 10);
    assert.deepEqual(await used(cluster), { 'count/configmaps': String(before), secrets: '10' });
    const writes = (await cluster.store.revision()) - at - made;
    assert.ok(writes <= 10, `one write charges many: ${writes}`);
    await cluster.stop();
  });

  it('is charged once for a write that is tried again', async () => {
    const cluster = await clusterWith({ 'services.nodeports': '5' });
    const service = { ...plain('web'), spec: { ports: [{ port: 80 }] } };
    await cluster.create(SERVICE, service);
    const { client } = cluster;
    const patch = (change: object): Promise<KubeObject> =>
      client.patch(SERVICE, { name: 'web', namespace: NAMESPACE }, 'merge', change);
    const label = (i: number): Promise<KubeObject> =>
      patch({ metadata: { labels: { i: String(i) } } });
    await cluster.run(
      Promise.all([patch({ spec: { type: 'NodePort' } }), ...[1, 2, 3, 4].map(label)]),
    );
    assert.deepEqual(await used(cluster), { 'services.nodeports': '1' });
    await cluster.stop();
  });

  it('says under whose name it was charged', async () => {
    const cluster = await clusterWith({ secrets: '1' });
    await cluster.create(SECRET, plain('one'));
    const { metadata } = await cluster.get(RESOURCE_QUOTA, 'quota', NAMESPACE);
    const entry = metadata?.managedFields?.find(({ manager }) => manager === 'kube-apiserver');
    assert.deepEqual([entry?.subresource, entry?.operation], ['status', 'Update']);
    await cluster.stop();
  });

  it('counts custom resources, and refuses them until somebody has counted', async () => {
    const cluster = await clusterWith({ 'count/drinks.example.com': '1' });
    const drink = await serveDrinks(cluster);
    await assert.rejects(
      cluster.create(drink, plain('early')),
      refusal(
        'drinks.example.com "early" is forbidden: status unknown for quota: quota, resources: count/drinks.example.com',
      ),
    );
    await cluster.advance(60_000);
    await cluster.create(drink, plain('tea'));
    await assert.rejects(
      cluster.create(drink, plain('coffee')),
      refusal(
        'drinks.example.com "coffee" is forbidden: exceeded quota: quota, requested: count/drinks.example.com=1, used: count/drinks.example.com=1, limited: count/drinks.example.com=1',
      ),
    );
    await cluster.stop();
  });

  const selector = (
    scopeName: ScopedResourceSelectorRequirement['scopeName'],
    values?: string[],
  ): Partial<ResourceQuotaSpec> => ({
    scopeSelector: {
      matchExpressions: [
        values === undefined
          ? { scopeName, operator: 'Exists' }
          : { scopeName, operator: 'In', values },
      ],
    },
  });
  const term = { topologyKey: 'zone', labelSelector: {}, namespaceSelector: {} };
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const scopes: [name: string, scope: Partial<ResourceQuotaSpec>, inside: Pod, outside: Pod][] = [
    [
      'Terminating',
      { scopes: ['Terminating'] },
      pod('in', { activeDeadlineSeconds: 9 }),
      pod('out'),
    ],
    [
      'NotTerminating',
      { scopes: ['NotTerminating'] },
      pod('in'),
      pod('out', { activeDeadlineSeconds: 9 }),
    ],
    ['BestEffort', { scopes: ['BestEffort'] }, pod('in'), pod('out', {}, '1m')],
    ['NotBestEffort', { scopes: ['NotBestEffort'] }, pod('in', {}, '1m'), pod('out')],
    [
      'PriorityClass',
      selector('PriorityClass', ['gold']),
      pod('in', { priorityClassName: 'gold' }),
      pod('out'),
    ],
    [
      'CrossNamespacePodAffinity',
      selector('CrossNamespacePodAffinity'),
      pod('in', { affinity }),
      pod('out'),
    ],
  ];
  for (const [name, scope, inside, outside] of scopes)
    it(`refuses what is in its scope ${name}, and nothing else`, async () => {
      const cluster = await clusterWith({ pods: '0' }, scope);
      await cluster.create(PRIORITY_CLASS, { metadata: { name: 'gold' }, value: 1 });
      await assert.rejects(
        cluster.create(POD, inside),
        refusal(
          'pods "in" is forbidden: exceeded quota: quota, requested: pods=1, used: pods=0, limited: pods=0',
        ),
      );
      await cluster.create(POD, outside);
      await cluster.stop();
    });

  it('refuses a claim of an attributes class in its scope, and a claim that moves there', async () => {
    const cluster = await clusterWith(
      { persistentvolumeclaims: '0' },
      selector('VolumeAttributesClass', ['gold']),
    );
    const claim = (name: string, volumeAttributesClassName?: string) => ({
      ...plain(name),
      spec: {
        accessModes: ['ReadWriteOnce' as const],
        resources: { requests: { storage: '1Gi' } },
        ...(volumeAttributesClassName === undefined ? {} : { volumeAttributesClassName }),
      },
    });
    await assert.rejects(
      cluster.create(PERSISTENT_VOLUME_CLAIM, claim('in', 'gold')),
      /exceeded quota: quota/,
    );
    const made = await cluster.create(PERSISTENT_VOLUME_CLAIM, claim('out', 'iron'));
    // Only of a bound claim may the class change.
    const bound = await cluster.client.update(
      PERSISTENT_VOLUME_CLAIM,
      { ...made, status: { phase: 'Bound' as const } },
      'status',
    );
    await assert.rejects(
      cluster.patch(PERSISTENT_VOLUME_CLAIM, bound, {
        spec: { volumeAttributesClassName: 'gold' },
      }),
      /exceeded quota: quota/,
    );
    await cluster.patch(PERSISTENT_VOLUME_CLAIM, bound, {
      spec: { volumeAttributesClassName: 'tin' },
    });
    await cluster.stop();
  });

  it('refuses growth of claims, Pods and what Services reach, not what stays as it is', async () => {
    const cluster = await clusterWith({
      'requests.storage': '1Gi',
      'gold.storageclass.storage.k8s.io/requests.storage': '2Gi',
      'requests.cpu': '200m',
      'services.nodeports': '0',
    });
    await cluster.create(STORAGE_CLASS, {
      metadata: { name: 'gold' },
      provisioner: 'example.com/gold',
      allowVolumeExpansion: true,
    });
    const claim = await cluster.create(PERSISTENT_VOLUME_CLAIM, {
      ...plain('data'),
      spec: {
        storageClassName: 'gold',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
      },
    });
    await cluster.run(
      cluster.client.update(
        PERSISTENT_VOLUME_CLAIM,
        { ...claim, status: { phase: 'Bound' } },
        'status',
      ),
    );
    const grow = (storage: string) =>
      cluster.patch(PERSISTENT_VOLUME_CLAIM, plain('data'), {
        spec: { resources: { requests: { storage } } },
      });
    await assert.rejects(
      grow('2Gi'),
      refusal(
        'persistentvolumeclaims "data" is forbidden: exceeded quota: quota, requested: requests.storage=1Gi, used: requests.storage=1Gi, limited: requests.storage=1Gi',
      ),
    );
    const web = await cluster.create(POD, pod('web', {}, '100m'));
    const resize = (cpu: string) =>
      cluster.run(
        cluster.client.patch(
          POD,
          { name: 'web', namespace: NAMESPACE },
          'strategic',
          { spec: { containers: [{ name: 'main', resources: { requests: { cpu } } }] } },
          { subresource: 'resize' },
        ),
      );
    assert.equal(web.metadata?.name, 'web');
    await resize('150m');
    assert.equal((await used(cluster))['requests.cpu'], '150m');
    await assert.rejects(
      resize('250m'),
      refusal(
        'pods "web" is forbidden: exceeded quota: quota, requested: requests.cpu=100m, used: requests.cpu=150m, limited: requests.cpu=200m',
      ),
    );
    await cluster.create(SERVICE, { ...plain('web'), spec: { ports: [{ port: 80 }] } });
    await assert.rejects(
      cluster.patch(SERVICE, plain('web'), { spec: { type: 'NodePort' } }),
      refusal(
        'services "web" is forbidden: exceeded quota: quota, requested: services.nodeports=1, used: services.nodeports=0, limited: services.nodeports=0',
      ),
    );
    await cluster.patch(SERVICE, plain('web'), { metadata: { labels: { a: 'b' } } });
    await cluster.stop();
  });

  it('is not told by a stale count that less is used than there is', async () => {
    const cluster = await clusterWith({ secrets: '2', pods: '2' });
    await cluster.create(SECRET, plain('one'));
    await cluster.create(POD, pod('one'));
    const quota = await cluster.get(RESOURCE_QUOTA, 'quota', NAMESPACE);
    const write = (told: Hard) =>
      cluster.run(
        cluster.client.update(
          RESOURCE_QUOTA,
          { ...quota, status: { hard: { secrets: '2', pods: '2' }, used: told } },
          'status',
        ),
      );
    await assert.rejects(
      write({ secrets: '1', pods: '-1' }),
      refusal(
        'ResourceQuota "quota" is invalid: status.used[pods]: Invalid value: "-1": must be greater than or equal to 0',
        422,
      ),
    );
    await write({ secrets: '0', pods: '0' });
    assert.deepEqual(await used(cluster), { secrets: '1', pods: '1' });
    await cluster.stop();
  });

  it('lets everything in until it has a status', async () => {
    const cluster = await TestCluster.start({ controllers: [] });
    await limit(cluster, 'quota', { secrets: '0' });
    await cluster.create(SECRET, plain('one'));
    await cluster.stop();
  });
});

async function serveDrinks(cluster: TestCluster): Promise<ResourceType<KubeObject>> {
  const names = { plural: 'drinks', singular: 'drink', kind: 'Drink', listKind: 'DrinkList' };
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  await cluster.create(CUSTOM_RESOURCE_DEFINITION, {
    metadata: { name: 'drinks.example.com' },
    spec: {
      group: 'example.com',
      names,
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  });
  await cluster.advance(1000);
  return { group: 'example.com', version: 'v1', kind: 'Drink', plural: 'drinks', namespaced: true };
}
