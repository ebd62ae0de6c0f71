/** Stories of `cox plan`: kinds other than Deployments, and deletions. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CUSTOM_RESOURCE_DEFINITION } from '#api/apiextensions/custom-resource-definition.ts';
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { JOB } from '#api/batch/job.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import type { PodSpec } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';
import type { Plan } from '#plan/report/plan-result.ts';
import { TestCluster } from '#kit/cluster.ts';
import { planOf } from '#kit/plan.ts';
import { claim, VolumeWorld } from '#kit/volumes.ts';

type Workload = KubeObject & { readonly spec: object };

function workload(kind: string, image: string, facts: object = {}): Workload {
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image }] } },
      ...facts,
    },
  };
}

function job(name: string, pod: Partial<PodSpec> = {}): Workload {
  const containers = [{ name: 'main', image: 'web' }];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'shop' },
    spec: { template: { spec: { restartPolicy: 'Never', containers, ...pod } } },
  };
}

const WIDGETS: CustomResourceDefinition = {
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { size: { type: 'integer', maximum: 9 } } },
            },
          },
        },
      },
    ],
  },
};
const WIDGET: ResourceType<KubeObject> = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
};
const widget = (size: number): Workload => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name: 'w', namespace: 'shop' },
  spec: { size },
});

async function inShop(
  objects: readonly [ResourceType<KubeObject>, Workload][],
  story: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  const cluster = await TestCluster.start({ nodes: 2, delays: { startMs: 3_000, readyMs: 1_000 } });
  try {
    await cluster.create(NAMESPACE, { metadata: { name: 'shop' } });
    for (const [type, object] of objects) {
      const { name = '', namespace = '' } = object.metadata ?? {};
      const target = { name, namespace };
      const options = { fieldManager: 'kubectl' };
      await cluster.run(cluster.client.patch(type, target, 'apply', object, options));
    }
    await cluster.settle();
    await story(cluster);
  } finally {
    await cluster.stop();
  }
}

const losses = ({ capacity }: Plan): string[] =>
  capacity.map(
    ({ workload: name, least, of, totalSeconds }) => `${name} ${least}/${of} ${totalSeconds}`,
  );
const deletions = ({ objects }: Plan): string[] =>
  objects
    .filter(({ action }) => action === 'deleted')
    .map(({ kind, name, by }) => `${kind} ${name}: ${by?.join(', ')}`);

describe('cox plan of workloads', () => {
  it('shows a StatefulSet roll, one ordinal after the other', () =>
    inShop([[STATEFUL_SET, workload('StatefulSet', 'web:1', { replicas: 2 })]], async (cluster) => {
      const plan = await planOf(cluster, [workload('StatefulSet', 'web:2', { replicas: 2 })]);
      assert.deepEqual(
        plan.pods.map(({ before, name }) => [before?.name, name]),
        [
          ['web-1', 'web-1'],
          ['web-0', 'web-0'],
        ],
      );
      // Each stops for 2 s and starts for 4.
      assert.deepEqual(losses(plan), ['StatefulSet web 1/2 12']);
    }));

  it('shows a DaemonSet roll, one node after the other', () =>
    inShop([[DAEMON_SET, workload('DaemonSet', 'web:1')]], async (cluster) => {
      const plan = await planOf(cluster, [workload('DaemonSet', 'web:2')]);
      assert.deepEqual(
        plan.pods.map(({ action, node, before }) => [action, node === before?.node]),
        [
          ['replaced', true],
          ['replaced', true],
        ],
      );
      assert.deepEqual(losses(plan), ['DaemonSet web 1/2 12']);
    }));

  it('starts Jobs, and says that it does not know when they end', () =>
    inShop([[JOB, job('one')]], async (cluster) => {
      const plan = await planOf(cluster, [job('two')]);
      assert.deepEqual(
        plan.pods.map(({ action }) => action),
        ['created'],
      );
      assert.equal(plan.rests, true);
      assert.match(plan.assumptions.join('\n'), /Pods of Job shop\/two run on: /);
    }));
});

describe('cox plan of pods with volumes', () => {
  const db = (replicas: number): Workload => {
    const { spec } = claim('');
    const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec }];
    const object = workload('StatefulSet', 'db', { replicas, volumeClaimTemplates });
    return { ...object, metadata: { name: 'db', namespace: 'default' } };
  };

  it('takes volumes where their pods go, and waits for those that nobody makes', async () => {
    const { cluster } = await VolumeWorld.start({ nodes: 2 });
    const target = { name: 'db', namespace: 'default' };
    const options = { fieldManager: 'kubectl' };
    await cluster.run(cluster.client.patch(STATEFUL_SET, target, 'apply', db(2), options));
    await cluster.settle();
    const drain = await planOf(cluster, [], { drain: 'node-1' });
    assert.deepEqual(drain.withoutChange.objects, []);
    assert.deepEqual(
      drain.pods.map(({ action, before, node }) => `${action} ${before?.node} ${node}`),
      ['moved node-1 node-2'],
    );
    assert.ok(drain.assumptions.includes('Volumes follow their pods in no time.'));
    const scale = await planOf(cluster, [db(3)]);
    assert.match(scale.pending[0]?.sentence ?? '', /unbound immediate PersistentVolumeClaims/);
    assert.deepEqual(scale.notSimulated, [
      {
        what: 'PersistentVolumeClaim default/data-db-2',
        why: 'nothing provisions volumes here: it waits',
      },
    ]);
    await cluster.stop();
  });
});

describe('cox plan of custom resources', () => {
  it('knows those that are there, and their schemas', () =>
    inShop([], async (cluster) => {
      await cluster.create(CUSTOM_RESOURCE_DEFINITION, WIDGETS);
      await cluster.settle();
      await cluster.create(WIDGET, widget(3));
      const options = { forces: true, namespace: 'shop' };
      const plan = await planOf(cluster, [widget(4)], options);
      assert.deepEqual(plan.objects[0]?.fields, [{ path: 'spec.size', old: 3, new: 4 }]);
      assert.deepEqual(plan.withoutChange.objects, []);
      const [refusal] = (await planOf(cluster, [widget(10)], options)).refused;
      assert.equal(refusal?.reason, 'Invalid');
      assert.match(
        refusal?.message ?? '',
        /spec\.size: Invalid value: 10: .*less than or equal to 9/,
      );
    }));
});

describe('cox plan of deletions', () => {
  it('shows what goes with it, and who takes it away', () =>
    inShop([[DEPLOYMENT, workload('Deployment', 'web', { replicas: 1 })]], async (cluster) => {
      const change = [workload('Deployment', 'web')];
      const plan = await planOf(cluster, change, { action: 'delete' });
      const [asked, followed] = deletions(plan);
      assert.equal(asked, 'Deployment web: the change');
      assert.match(followed ?? '', /^ReplicaSet web-\w+: generic-garbage-collector$/);
      assert.deepEqual(
        plan.pods.map(({ action }) => action),
        ['deleted'],
      );
      assert.deepEqual(plan.capacity, []);
    }));

  it('empties namespaces, and names what keeps them', () =>
    inShop([[DEPLOYMENT, workload('Deployment', 'web', { replicas: 1 })]], async (cluster) => {
      const shop = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
      const plan = await planOf(cluster, [shop], { action: 'delete' });
      assert.equal(deletions(plan)[0], 'Namespace shop: the change, namespace-controller');
      assert.ok(deletions(plan).includes('ConfigMap kube-root-ca.crt: namespace-controller'));
      assert.equal(plan.rests, true);
    }));

  it('refuses what is not there', () =>
    inShop([], async (cluster) => {
      const plan = await planOf(cluster, [workload('Deployment', 'web')], { action: 'delete' });
      assert.deepEqual(plan.refused, [
        {
          request: 'delete Deployment shop/web',
          source: 'change.json',
          reason: 'NotFound',
          message: 'deployments.apps "web" not found',
        },
      ]);
    }));
});
