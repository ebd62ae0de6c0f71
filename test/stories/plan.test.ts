/** Stories of `cox plan`: what a change would do to a cluster, which stays as it is. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { PodSpec } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { PRIORITY_CLASS } from '#api/scheduling/priority-class.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import { TestCluster } from '#kit/cluster.ts';
import { planOf } from '#kit/plan.ts';

interface Web {
  readonly name?: string;
  readonly image?: string;
  readonly replicas?: number;
  readonly cpu?: string;
  readonly pod?: Partial<PodSpec>;
}

function web({ name = 'web', image = 'web:1', replicas = 3, cpu = '0', pod = {} }: Web = {}) {
  const labels = { app: name };
  const container = { name: 'main', image, resources: { requests: { cpu } } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: { metadata: { labels }, spec: { containers: [container], ...pod } },
    },
  } satisfies Deployment;
}

/** As `kubectl apply --server-side` leaves it. */
async function applied(cluster: TestCluster, object: Deployment): Promise<void> {
  const { name = '', namespace = '' } = object.metadata ?? {};
  const options = { fieldManager: 'kubectl' };
  const target = { name, namespace };
  await cluster.run(cluster.client.patch(DEPLOYMENT, target, 'apply', object, options));
  await cluster.settle();
}

const cpusOf = async (cluster: TestCluster): Promise<number> =>
  Number((await cluster.list(NODE))[0]?.status?.allocatable?.['cpu']);

async function inCluster(
  nodes: number,
  story: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  const cluster = await TestCluster.start({ nodes, delays: { startMs: 3_000, readyMs: 1_000 } });
  try {
    await story(cluster);
  } finally {
    await cluster.stop();
  }
}

describe('cox plan', () => {
  it('shows how a rolling update moves pods, and how long capacity is reduced', () =>
    inCluster(2, async (cluster) => {
      await applied(cluster, web());
      const plan = await planOf(cluster, [web({ image: 'web:2' })]);
      const [asked, ...followed] = plan.objects;
      assert.equal(asked?.action, 'changed');
      assert.equal(asked?.asked, true);
      const image = 'spec.template.spec.containers[name=main].image';
      assert.deepEqual(
        asked?.fields?.find(({ path }) => path === image),
        { path: image, old: 'web:1', new: 'web:2' },
      );
      assert.deepEqual(
        followed.map(({ kind, action, by }) => ({ kind, action, by })).toSorted(byAction),
        [
          { kind: 'ReplicaSet', action: 'changed', by: ['deployment-controller'] },
          { kind: 'ReplicaSet', action: 'created', by: ['deployment-controller'] },
        ],
      );
      assert.equal(plan.pods.length, 3);
      for (const pod of plan.pods) {
        assert.equal(pod.workload, 'Deployment web');
        assert.equal(pod.action, pod.before?.node === pod.node ? 'replaced' : 'moved');
      }
      // One after the other, each the 4 s that the pods of the cluster took.
      assert.deepEqual(plan.capacity, [
        {
          workload: 'Deployment web',
          namespace: 'default',
          least: 2,
          of: 3,
          fromSeconds: 0,
          untilSeconds: 12,
          totalSeconds: 12,
        },
      ]);
      assert.equal(plan.rests, true);
      assert.deepEqual([plan.refused, plan.pending, plan.evictions], [[], [], []]);
    }));

  it('says why pods would wait, and what would help', () =>
    inCluster(1, async (cluster) => {
      const cpus = await cpusOf(cluster);
      await applied(cluster, web({ replicas: 1, cpu: `${cpus / 2}` }));
      const plan = await planOf(cluster, [web({ replicas: 3, cpu: `${cpus / 2}` })]);
      assert.deepEqual(
        plan.pods.map(({ action, node }) => ({ action, node })),
        [
          { action: 'created', node: 'node-1' },
          { action: 'created', node: undefined },
        ],
      );
      assert.equal(plan.pending.length, 1);
      assert.match(plan.pending[0]?.sentence ?? '', /fits none of 1 node: Insufficient cpu/);
      assert.match(plan.summary, /1 not ready at rest\./);
      assert.deepEqual(plan.capacity, []);
    }));

  it('names who would have to make room for whom', () =>
    inCluster(1, async (cluster) => {
      const cpus = await cpusOf(cluster);
      await cluster.create(PRIORITY_CLASS, { metadata: { name: 'high' }, value: 100 });
      await applied(cluster, web({ replicas: 1, cpu: `${cpus}` }));
      const boss = web({
        name: 'boss',
        replicas: 1,
        cpu: `${cpus}`,
        pod: { priorityClassName: 'high' },
      });
      const plan = await planOf(cluster, [boss]);
      const [eviction] = plan.evictions;
      assert.deepEqual(
        { ...eviction, name: '', atSeconds: 0, by: eviction?.by.replace(/boss-\S+,/, 'boss-x,') },
        {
          namespace: 'default',
          name: '',
          node: 'node-1',
          workload: 'Deployment web',
          reason: 'PreemptionByScheduler',
          by: 'Pod default/boss-x, of priority 100',
          atSeconds: 0,
        },
      );
      const [loss] = plan.capacity;
      assert.deepEqual([loss?.least, loss?.of, loss?.untilSeconds], [0, 1, undefined]);
    }));

  it('shows what is refused, with the paths of the fields, and goes on', () =>
    inCluster(1, async (cluster) => {
      const bad = web({ name: 'bad', replicas: -1 });
      const plan = await planOf(cluster, [bad, web()]);
      assert.deepEqual(plan.refused, [
        {
          request: 'apply Deployment default/bad',
          source: 'change.json',
          reason: 'Invalid',
          message:
            'Deployment.apps "bad" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        },
      ]);
      assert.equal(plan.pods.length, 3);
    }));

  it('refuses fields that others manage, unless they are to be taken over', () =>
    inCluster(1, async (cluster) => {
      await cluster.create(DEPLOYMENT, web());
      await cluster.settle();
      const change = [web({ image: 'web:2' })];
      const [refusal] = (await planOf(cluster, change)).refused;
      assert.equal(refusal?.reason, 'Conflict');
      assert.match(refusal?.message ?? '', /containers\[name="main"\]\.image/);
      const forced = await planOf(cluster, change, { forces: true });
      assert.deepEqual(forced.refused, []);
      assert.match(forced.objects[0]?.notes?.[0] ?? '', /^takes over .*\.image: conflict with/);
    }));

  it('shows what controllers would fail to make', () =>
    inCluster(1, async (cluster) => {
      const plan = await planOf(cluster, [web({ pod: { serviceAccountName: 'nobody' } })]);
      const [refusal, ...others] = plan.refused;
      assert.deepEqual(others, []);
      assert.match(refusal?.request ?? '', /^create for ReplicaSet default\/web-/);
      assert.match(refusal?.message ?? '', /serviceaccount "nobody" not found/);
    }));

  it('makes what others need first, whatever the order of the files', () =>
    inCluster(1, async (cluster) => {
      const definition = {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
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
              schema: { openAPIV3Schema: { type: 'object' } },
            },
          ],
        },
      };
      const metadata = { name: 'w', namespace: 'shop' };
      const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata };
      const shop = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
      const plan = await planOf(cluster, [widget, definition, shop]);
      assert.deepEqual(plan.refused, []);
      assert.deepEqual(
        plan.objects.filter(({ asked }) => asked).map(({ kind, action }) => `${kind} ${action}`),
        ['Namespace created', 'CustomResourceDefinition created', 'Widget created'],
      );
      const followed = plan.objects.find(({ kind }) => kind === 'ServiceAccount');
      assert.deepEqual(followed?.by, ['service-account-controller']);
      const doubts = plan.notSimulated.map(({ what }) => what);
      assert.ok(doubts.includes('the controller of example.com/v1 Widget'), doubts.join('\n'));
    }));

  it('empties a node, as far as budgets let it', () =>
    inCluster(2, async (cluster) => {
      await applied(cluster, web({ replicas: 2 }));
      await cluster.create(POD_DISRUPTION_BUDGET, {
        metadata: { name: 'web', namespace: 'default' },
        spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
      });
      await cluster.settle();
      const onFirst = (await cluster.list(POD)).filter(
        ({ spec }) => spec?.nodeName === 'node-1',
      ).length;
      const plan = await planOf(cluster, [], { drain: 'node-1' });
      assert.equal(plan.evictions.length, onFirst);
      for (const { reason } of plan.evictions) assert.equal(reason, 'EvictionByEvictionAPI');
      assert.deepEqual(
        plan.pods.map(({ action, node, before }) => [action, before?.node, node]),
        Array.from({ length: onFirst }, () => ['moved', 'node-1', 'node-2']),
      );
    }));

  it('cordons a node that the change says is unschedulable, and nothing moves', () =>
    inCluster(2, async (cluster) => {
      await applied(cluster, web({ replicas: 2 }));
      const node: KubeObject & { spec: object } = {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: 'node-1' },
        spec: { unschedulable: true },
      };
      const cordon = await planOf(cluster, [node]);
      assert.deepEqual(cordon.pods, []);
      assert.equal(cordon.objects[0]?.action, 'changed');
      const both = await planOf(cluster, [node, web({ replicas: 4 })]);
      assert.deepEqual(
        both.pods.map((pod) => [pod.action, pod.node]),
        [
          ['created', 'node-2'],
          ['created', 'node-2'],
        ],
      );
    }));
});

function byAction(a: { action: string }, b: { action: string }): number {
  return a.action < b.action ? -1 : 1;
}
