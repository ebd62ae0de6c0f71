/** Stories of `cox plan`: what it does not touch, may not see, cannot know, and does not wait for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VALIDATING_WEBHOOK_CONFIGURATION } from '#api/admissionregistration/validating-webhook-configuration.ts';
import { API_SERVICE } from '#api/apiregistration/api-service.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { SECRET } from '#api/core/secret.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { PolicyRule } from '#api/gen/rbac-v1.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import { SELF_SUBJECT_ACCESS_REVIEW } from '#api/authorization/self-subject-access-review.ts';
import type { ResourceAttributes, SelfSubjectAccessReview } from '#api/gen/authorization-v1.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import { CLUSTER_ROLE_BINDING } from '#api/rbac/cluster-role-binding.ts';
import type { Client } from '#client/client.ts';
import { clientWith } from '#kit/client.ts';
import { TestCluster } from '#kit/cluster.ts';
import { planOf } from '#kit/plan.ts';

function web(image: string, replicas = 2): Deployment {
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image }] } },
    },
  };
}

const MAP = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'default' },
  data: { colour: 'red' },
};

/** A cluster with the Deployment `web` at rest. */
async function withWeb(
  story: (cluster: TestCluster) => Promise<void>,
  options: Parameters<typeof TestCluster.start>[0] = { nodes: 2 },
): Promise<void> {
  const cluster = await TestCluster.start(options);
  try {
    await apply(cluster, web('web:1'));
    await cluster.settle();
    await story(cluster);
  } finally {
    await cluster.stop();
  }
}

async function apply(cluster: TestCluster, object: Deployment): Promise<void> {
  const target = { name: 'web', namespace: 'default' };
  const options = { fieldManager: 'kubectl' };
  await cluster.run(cluster.client.patch(DEPLOYMENT, target, 'apply', object, options));
}

/** A user who may do this, everywhere. */
async function userWith(cluster: TestCluster, rules: readonly PolicyRule[]): Promise<Client> {
  await cluster.create(CLUSTER_ROLE, { metadata: { name: 'planner' }, rules: [...rules] });
  await cluster.create(CLUSTER_ROLE_BINDING, {
    metadata: { name: 'planner' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'planner' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
  });
  return cluster.clientOf({ name: 'jane', groups: ['system:authenticated'] });
}

/** As in a cluster that asks another authorizer than RBAC what this client may do. */
function withAuthorizer(
  client: Client,
  allows: (attributes: ResourceAttributes) => boolean,
): Client {
  const create: Client['create'] = (type, object) => {
    if (type.kind !== SELF_SUBJECT_ACCESS_REVIEW.kind) return client.create(type, object);
    const { spec } = object as SelfSubjectAccessReview;
    return Promise.resolve({
      ...object,
      status: { allowed: allows(spec?.resourceAttributes ?? {}) },
    });
  };
  return clientWith(client, { create });
}

const READ = ['get', 'list', 'watch'];
/** Everything but what is secret. */
const READER: readonly PolicyRule[] = [
  {
    apiGroups: [''],
    resources: ['nodes', 'pods', 'namespaces', 'serviceaccounts', 'configmaps', 'services'],
    verbs: READ,
  },
  {
    apiGroups: ['apps', 'rbac.authorization.k8s.io', 'scheduling.k8s.io', 'node.k8s.io'],
    resources: ['*'],
    verbs: READ,
  },
];

describe('cox plan and the cluster', () => {
  it('writes nothing there, and leaves pods as they run', () =>
    withWeb(async (cluster) => {
      const before = await cluster.run(cluster.store.revision());
      const plan = await planOf(cluster, [web('web:1'), MAP]);
      assert.equal(await cluster.run(cluster.store.revision()), before);
      assert.deepEqual(
        plan.objects.map(({ kind, action, by }) => ({ kind, action, by })),
        [
          { kind: 'Deployment', action: 'unchanged', by: undefined },
          { kind: 'ConfigMap', action: 'created', by: ['the change'] },
        ],
      );
      assert.deepEqual([plan.pods, plan.capacity, plan.withoutChange.objects], [[], [], []]);
      assert.match(plan.summary, /^1 object would be created\. At rest after 0s\.$/);
    }));

  it('gives the same answer to the same question', () =>
    withWeb(async (cluster) => {
      const change = [web('web:2', 5)];
      const first = await planOf(cluster, change);
      assert.deepEqual(await planOf(cluster, change), first);
      const names = ({ pods }: typeof first): string[] => pods.map(({ name }) => name);
      assert.notDeepEqual(names(await planOf(cluster, change, { seed: 2 })), names(first));
    }));

  it('tells apart what is under way already', () =>
    withWeb(async (cluster) => {
      await apply(cluster, web('web:2'));
      const plan = await planOf(cluster, [MAP]);
      assert.deepEqual(
        plan.objects.map(({ kind, action }) => `${kind} ${action}`),
        ['ConfigMap created'],
      );
      assert.deepEqual(plan.pods, []);
      assert.equal(plan.withoutChange.pods.length, 2);
      assert.deepEqual(
        plan.withoutChange.objects
          .map(({ kind, action }) => `${kind} ${action}`)
          .includes('ReplicaSet created'),
        true,
      );
    }));
});

describe('cox plan and the caller', () => {
  it('names the kinds that may not be listed, and plans without them', () =>
    withWeb(async (cluster) => {
      const key = await cluster.create(SECRET, { metadata: { name: 'key', namespace: 'default' } });
      const { uid = '' } = key.metadata ?? {};
      const ownerReferences = [{ apiVersion: 'v1', kind: 'Secret', name: 'key', uid }];
      await cluster.create(CONFIG_MAP, {
        ...MAP,
        metadata: { ...MAP.metadata, name: 'owned', ownerReferences },
      });
      const client = await userWith(cluster, [
        ...READER,
        { apiGroups: ['apps'], resources: ['*'], verbs: ['*'] },
      ]);
      const plan = await planOf(cluster, [web('web:1', 3)], { client });
      assert.deepEqual(plan.refused, []);
      assert.equal(plan.pods.length, 1);
      // Nobody takes what is owned by what is unknown for an orphan.
      assert.deepEqual(plan.withoutChange.objects, []);
      assert.deepEqual(
        plan.objects.filter(({ kind }) => kind === 'ConfigMap'),
        [],
      );
      const secrets = plan.notSimulated.find(({ what }) => what === 'secrets');
      assert.match(secrets?.why ?? '', /User "jane" cannot list resource "secrets"/);
      assert.equal(
        plan.notSimulated.some(({ what }) => what === 'configmaps'),
        false,
      );
    }));

  it('refuses what the caller may not do', () =>
    withWeb(async (cluster) => {
      const client = await userWith(cluster, READER);
      const plan = await planOf(cluster, [web('web:2')], { client });
      assert.equal(plan.refused[0]?.reason, 'Forbidden');
      assert.match(plan.refused[0]?.message ?? '', /User "jane" cannot patch resource/);
      assert.deepEqual(plan.pods, []);
    }));

  it('refuses nothing to whom the cluster lets do everything, by whatever authorizer', () =>
    withWeb(async (cluster) => {
      const client = withAuthorizer(await userWith(cluster, READER), ({ verb, resource }) =>
        [verb, resource].every((each) => each === '*'),
      );
      const plan = await planOf(cluster, [web('web:2')], { client });
      assert.deepEqual(plan.refused, []);
      assert.ok(plan.pods.length > 0);
    }));

  it('does not plan without what is needed', () =>
    withWeb(async (cluster) => {
      const client = await userWith(cluster, [
        { apiGroups: ['apps'], resources: ['*'], verbs: READ },
      ]);
      await assert.rejects(
        planOf(cluster, [web('web:2')], { client }),
        /^ReadError: Cannot plan without the right to list (nodes|pods): /,
      );
    }));
});

describe('cox plan and others', () => {
  it('names webhooks that would have been asked, and servers that are not', () =>
    withWeb(async (cluster) => {
      const hook = (name: string, resources: string[]) => ({
        name,
        admissionReviewVersions: ['v1'],
        sideEffects: 'None' as const,
        clientConfig: { url: 'https://hooks.example.com/' },
        rules: [
          { operations: ['CREATE' as const], apiGroups: [''], apiVersions: ['v1'], resources },
        ],
      });
      await cluster.create(VALIDATING_WEBHOOK_CONFIGURATION, {
        metadata: { name: 'rules' },
        webhooks: [hook('pods.example.com', ['pods']), hook('secrets.example.com', ['secrets'])],
      });
      await cluster.create(API_SERVICE, {
        metadata: { name: 'v1.metrics.example.com' },
        spec: {
          group: 'metrics.example.com',
          version: 'v1',
          groupPriorityMinimum: 100,
          versionPriority: 100,
          insecureSkipTLSVerify: true,
          service: { namespace: 'default', name: 'metrics' },
        },
      });
      const plan = await planOf(cluster, [web('web:1', 3)]);
      const doubts = plan.notSimulated.filter(({ what }) => what.includes('example.com'));
      assert.deepEqual(doubts, [
        {
          what: 'APIService v1.metrics.example.com',
          why: 'served by default/metrics, which is not asked',
        },
        {
          what: 'ValidatingWebhookConfiguration rules: pods.example.com',
          why: 'not asked about: create pods',
        },
      ]);
    }));
});

describe('cox plan and time', () => {
  it('says what still moves when the time is over', () =>
    withWeb(async (cluster) => {
      const fresh = { ...web('web:1'), metadata: { name: 'slow', namespace: 'default' } };
      const limits = { limitMs: 30_000, startMs: 120_000 };
      const plan = await planOf(cluster, [fresh], limits);
      assert.equal(plan.rests, false);
      assert.ok(plan.moving?.includes('pods start, run or stop on node-1'), String(plan.moving));
      assert.equal(plan.pending.length, 2);
      assert.match(plan.summary, /Not at rest when the time was over\.$/);
      const patient = await planOf(cluster, [fresh], { ...limits, limitMs: 1_800_000 });
      assert.deepEqual([patient.rests, patient.pending], [true, []]);
      assert.match(patient.assumptions.join('\n'), /take 120 s from a node to ready/);
    }));

  for (const { minAvailable, moved } of [
    { minAvailable: 1, moved: 2 },
    { minAvailable: 2, moved: 0 },
  ])
    it(`tells how long a budget of ${minAvailable} holds up a drain`, () =>
      withWeb(
        async (cluster) => {
          cluster.startNode('node-2');
          await cluster.create(POD_DISRUPTION_BUDGET, {
            metadata: { name: 'web', namespace: 'default' },
            spec: { minAvailable, selector: { matchLabels: { app: 'web' } } },
          });
          await cluster.settle();
          const plan = await planOf(cluster, [], { drain: 'node-1' });
          assert.equal(plan.pods.filter(({ action }) => action === 'moved').length, moved);
          const waits = plan.evictions.map(({ waitedSeconds }) => waitedSeconds);
          if (moved === 2) {
            assert.deepEqual(waits, [undefined, 5]);
            assert.deepEqual(plan.budgets, [
              { namespace: 'default', name: 'web', allowedBefore: 1, least: 0 },
            ]);
            assert.deepEqual(plan.refused, []);
            return;
          }
          assert.deepEqual(waits, []);
          assert.equal(plan.refused.length, 2);
          assert.match(plan.refused[0]?.request ?? '', /^evict Pod default\/web-/);
          assert.equal(plan.refused[0]?.reason, 'TooManyRequests');
          assert.match(plan.refused[0]?.message ?? '', /The disruption budget web needs 2/);
        },
        { nodes: 1 },
      ));
});
