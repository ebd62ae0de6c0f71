/** Stories of `cox plan`: what is found in a cluster, and how the change and its maker meet it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PolicyRule } from '#api/gen/rbac-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import { CLUSTER_ROLE_BINDING } from '#api/rbac/cluster-role-binding.ts';
import { allControllers } from '#controllers/index.ts';
import { TestCluster } from '#kit/cluster.ts';
import { planOf } from '#kit/plan.ts';

async function inCluster(
  options: Parameters<typeof TestCluster.start>[0],
  story: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  const cluster = await TestCluster.start(options);
  try {
    await story(cluster);
  } finally {
    await cluster.stop();
  }
}

function pod(name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'web' }] },
  };
}

const map = (data: Readonly<Record<string, string>>): KubeObject & { data: object } => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'default' },
  data,
});

const WITHOUT_ACCOUNTS = allControllers({ namespaceGraceMs: 0 }).filter(
  ({ name }) => name !== 'service-account-controller',
);

describe('pods that cox plan finds', () => {
  it('stay as they are when they crash; others on their way go on', () =>
    inCluster({}, async (cluster) => {
      for (const name of ['crashing', 'coming']) await cluster.create(POD, pod(name));
      await cluster.settle();
      cluster.killNode('node-1');
      const scheduled = new Date(cluster.environment.clock.now()).toISOString();
      for (const [name, restartCount] of [
        ['crashing', 7],
        ['coming', 0],
      ] as const) {
        const target = { name, namespace: 'default' };
        const status = {
          phase: 'Pending',
          conditions: [
            { type: 'PodScheduled', status: 'True', lastTransitionTime: scheduled },
            { type: 'Ready', status: 'False' },
          ],
          containerStatuses: [
            { name: 'main', image: 'web', imageID: '', ready: false, restartCount },
          ],
        };
        const options = { subresource: 'status' };
        await cluster.run(cluster.client.patch(POD, target, 'merge', { status }, options));
      }
      const { withoutChange } = await planOf(cluster, [map({ a: 'b' })]);
      assert.deepEqual(
        withoutChange.pods.map(({ name, action }) => `${name} ${action}`),
        ['coming started'],
      );
    }));

  it('are joined by those that the change puts on a node itself', () =>
    inCluster({}, async (cluster) => {
      const plan = await planOf(cluster, [pod('direct')]);
      assert.deepEqual(plan.pending, []);
      assert.deepEqual(
        plan.pods.map(({ name, node }) => `${name} ${node}`),
        ['direct node-1'],
      );
    }));

  it('stay through a drain when they are of a DaemonSet, and when nothing would bring them back', () =>
    inCluster({}, async (cluster) => {
      const labels = { app: 'agent' };
      const containers = [{ name: 'main', image: 'web' }];
      await cluster.create(DAEMON_SET, {
        metadata: { name: 'agent', namespace: 'default' },
        spec: {
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers } },
        },
      });
      await cluster.create(POD, pod('alone'));
      await cluster.settle();
      const plan = await planOf(cluster, [], { drain: 'node-1' });
      assert.deepEqual([plan.evictions, plan.pods], [[], []]);
      assert.deepEqual(plan.refused, [
        {
          request: 'evict Pod default/alone',
          reason: 'Unmanaged',
          message: 'cannot delete Pods that declare no controller (use --force to override)',
        },
      ]);
      const nowhere = await planOf(cluster, [], { drain: 'node-9' });
      assert.deepEqual(
        nowhere.refused.map(({ request, reason }) => `${request}: ${reason}`),
        ['cordon Node node-9: NotFound'],
      );
    }));
});

describe('objects that cox plan finds', () => {
  it('may have been applied the older way: what is no longer asked for goes', () =>
    inCluster({}, async (cluster) => {
      const query = '?fieldManager=kubectl-client-side-apply';
      const path = `/api/v1/namespaces/default/configmaps${query}`;
      await cluster.run(cluster.client.raw('POST', path, map({ keep: 'old', drop: 'x' })));
      const plan = await planOf(cluster, [map({ keep: 'new' })]);
      assert.deepEqual(plan.refused, []);
      assert.deepEqual(plan.objects[0]?.fields, [
        { path: 'data.drop', old: 'x' },
        { path: 'data.keep', old: 'old', new: 'new' },
      ]);
    }));

  it('were not written by the change when others wrote them before it', () =>
    inCluster({ controllers: WITHOUT_ACCOUNTS }, async (cluster) => {
      const account = {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: 'default', labels: { a: 'b' } },
      };
      const plan = await planOf(cluster, [account]);
      const made = plan.withoutChange.objects.find(
        ({ kind, namespace }) => kind === 'ServiceAccount' && namespace === 'default',
      );
      assert.deepEqual(made?.by, ['service-account-controller']);
      assert.equal(plan.objects[0]?.action, 'changed');
      assert.deepEqual(plan.objects[0]?.by, ['the change']);
    }));

  it('are changed by whoever asks, whose rights may not be known', () =>
    inCluster({}, async (cluster) => {
      const rules: PolicyRule[] = [
        { apiGroups: ['', 'apps'], resources: ['*'], verbs: ['get', 'list', 'watch'] },
      ];
      await cluster.create(CLUSTER_ROLE, { metadata: { name: 'reader' }, rules });
      const apiGroup = 'rbac.authorization.k8s.io';
      await cluster.create(CLUSTER_ROLE_BINDING, {
        metadata: { name: 'reader' },
        roleRef: { apiGroup, kind: 'ClusterRole', name: 'reader' },
        subjects: [{ apiGroup, kind: 'User', name: 'jane' }],
      });
      const client = cluster.clientOf({ name: 'jane', groups: ['system:authenticated'] });
      const plan = await planOf(cluster, [map({ a: 'b' })], { client });
      assert.deepEqual(plan.refused, []);
      assert.equal(plan.objects[0]?.kind, CONFIG_MAP.kind);
      const rights = plan.notSimulated.find(({ what }) => what === 'what you may change');
      assert.match(rights?.why ?? '', /^clusterrolebindings\.rbac.* could not be read$/);
    }));
});
