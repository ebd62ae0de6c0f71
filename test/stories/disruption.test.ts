/** Stories of PodDisruptionBudgets: what their controller counts, and what evictions take. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CUSTOM_RESOURCE_DEFINITION } from '#api/apiextensions/custom-resource-definition.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { JOB } from '#api/batch/job.ts';
import { EVENT } from '#api/core/event.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetSpec,
  PodDisruptionBudgetStatus,
} from '#api/gen/policy-v1.ts';
import type { OwnerReference } from '#api/gen/meta-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { allControllers } from '#controllers/index.ts';
import { deployment } from '#kit/builders.ts';
import { clientWith } from '#kit/client.ts';
import { TestCluster, type TestClusterOptions } from '#kit/cluster.ts';
import type { Controller } from '#reconcile/controller.ts';

const SELECTOR = { matchLabels: { app: 'web' } };

async function clusterWith(
  spec: PodDisruptionBudgetSpec,
  replicas?: number,
  options?: TestClusterOptions,
): Promise<TestCluster> {
  const cluster = await TestCluster.start(options);
  if (replicas !== undefined) {
    const { spec: wanted } = deployment(`replicas=${replicas} image=v1`);
    await cluster.create(DEPLOYMENT, {
      metadata: { name: 'web', namespace: 'default' },
      ...(wanted === undefined ? {} : { spec: wanted }),
    });
  }
  await cluster.create(POD_DISRUPTION_BUDGET, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: SELECTOR, ...spec },
  });
  await cluster.settle();
  return cluster;
}

async function statusOf(cluster: TestCluster): Promise<PodDisruptionBudgetStatus> {
  const { status } = await cluster.get(POD_DISRUPTION_BUDGET, 'web', 'default');
  assert.ok(status !== undefined);
  return status;
}

/** `allowed healthy desired expected reason` */
async function counts(cluster: TestCluster): Promise<string> {
  const status = await statusOf(cluster);
  const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods, conditions } = status;
  const numbers = [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods];
  return `${numbers.join(' ')} ${conditions?.[0]?.reason}`;
}

const pods = (cluster: TestCluster): Promise<Pod[]> => cluster.list(POD, 'default');

/** The refusal's message, or nothing. */
async function evict(cluster: TestCluster, pod: Pod): Promise<string> {
  const target = { name: pod.metadata?.name ?? '', namespace: 'default' };
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: target };
  try {
    await cluster.run(cluster.client.createSubresource(POD, target, 'eviction', body));
    return '';
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return error.status.details?.causes?.[0]?.message ?? error.message;
  }
}

const allows = (status?: PodDisruptionBudgetStatus): boolean =>
  (status?.disruptionsAllowed ?? 0) > 0;

/** The controller behind a line that lets some of its counts not through. */
function behind(
  controller: Controller,
  { refuses }: { readonly refuses: (status?: PodDisruptionBudgetStatus) => boolean },
): Controller {
  const create: Controller['create'] = (setup) => {
    const reconcile = controller.create(setup);
    return (key, { client }) => {
      const update: Client['update'] = (type, object, subresource) =>
        refuses((object as PodDisruptionBudget).status)
          ? Promise.reject(new Error('connection refused'))
          : client.update(type, object, subresource);
      return reconcile(key, { client: clientWith(client, { update }) });
    };
  };
  return { ...controller, create };
}

function ownedPod(name: string, owner?: OwnerReference): Pod {
  return {
    metadata: {
      name,
      namespace: 'default',
      labels: SELECTOR.matchLabels,
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
    },
    spec: { containers: [{ name: 'main', image: 'web' }] },
  };
}

async function eventsOf(cluster: TestCluster, reason: string): Promise<string[]> {
  const events = await cluster.list(EVENT, 'default');
  return events.filter((event) => event.reason === reason).map(({ message }) => message ?? '');
}

describe('a PodDisruptionBudget', () => {
  it('lets as many Pods go as it allows, and more once others are ready in their place', async () => {
    const cluster = await clusterWith({ maxUnavailable: 1 }, 3);
    assert.equal(await counts(cluster), '1 3 2 3 SufficientPods');
    const [first, second] = await pods(cluster);
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(await evict(cluster, first), '');
    const taken = 'The disruption budget web does not allow evicting pods currently';
    assert.equal(await evict(cluster, second), taken);
    await cluster.settle();
    assert.equal(await counts(cluster), '1 3 2 3 SufficientPods');
    assert.equal((await statusOf(cluster)).disruptedPods, undefined);
    assert.equal(await evict(cluster, second), '');
    await cluster.stop();
  });

  it('follows the scale of its Pods’ Deployment', async () => {
    const cluster = await clusterWith({ minAvailable: '50%' }, 4);
    assert.equal(await counts(cluster), '2 4 2 4 SufficientPods');
    const web = await cluster.get(DEPLOYMENT, 'web', 'default');
    await cluster.patch(DEPLOYMENT, web, { spec: { replicas: 7 } });
    await cluster.settle();
    assert.equal(await counts(cluster), '3 7 4 7 SufficientPods');
    await cluster.stop();
  });

  it('says which generation its numbers are of', async () => {
    const cluster = await clusterWith({ maxUnavailable: 1 }, 3);
    assert.equal((await statusOf(cluster)).observedGeneration, 1);
    const budget = await cluster.get(POD_DISRUPTION_BUDGET, 'web', 'default');
    await cluster.patch(POD_DISRUPTION_BUDGET, budget, { spec: { maxUnavailable: 2 } });
    await cluster.settle();
    const { observedGeneration, disruptionsAllowed, conditions } = await statusOf(cluster);
    assert.deepEqual([observedGeneration, disruptionsAllowed], [2, 2]);
    assert.equal(conditions?.[0]?.observedGeneration, 2);
    await cluster.stop();
  });

  it('allows nothing while there are no Pods, and says so', async () => {
    const cluster = await clusterWith({ minAvailable: 0 });
    assert.equal(await counts(cluster), '0 0 0 0 InsufficientPods');
    assert.deepEqual(await eventsOf(cluster, 'NoPods'), ['No matching pods found']);
    await cluster.stop();
  });

  it('counts its Pods as they are when it asks for a number', async () => {
    const cluster = await clusterWith({ minAvailable: 1 });
    for (const name of ['a', 'b']) await cluster.create(POD, ownedPod(name));
    await cluster.settle();
    assert.equal(await counts(cluster), '1 2 1 2 SufficientPods');
    await cluster.stop();
  });

  it('tells of Pods that nobody controls when it needs their scale', async () => {
    const cluster = await clusterWith({ maxUnavailable: 1 });
    await cluster.create(POD, ownedPod('a'));
    await cluster.settle();
    assert.equal(await counts(cluster), '0 1 0 0 InsufficientPods');
    const [message = ''] = await eventsOf(cluster, 'UnmanagedPods');
    assert.match(
      message,
      /^Pods selected by this PodDisruptionBudget \(selector: &LabelSelector\{/,
    );
    await cluster.stop();
  });

  it('asks any other controller for its scale', async () => {
    const cluster = await clusterWith({ minAvailable: '50%' });
    await cluster.create(CUSTOM_RESOURCE_DEFINITION, squads());
    await cluster.settle();
    const squad = await cluster.create(SQUAD, {
      apiVersion: 'example.com/v1',
      kind: 'Squad',
      metadata: { name: 'red', namespace: 'default' },
      spec: { size: 6 },
    });
    const owner = { apiVersion: 'example.com/v1', kind: 'Squad', name: 'red', controller: true };
    await cluster.create(POD, ownedPod('a', { ...owner, uid: squad.metadata?.uid ?? '' }));
    await cluster.settle();
    assert.equal(await counts(cluster), '0 1 3 6 InsufficientPods');
    await cluster.stop();
  });

  it('allows nothing while it cannot be counted, and says why', async () => {
    const cluster = await clusterWith({ maxUnavailable: 1 });
    const job = await cluster.create(JOB, {
      metadata: { name: 'j', namespace: 'default' },
      spec: {
        managedBy: 'example.com/nobody',
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'a' }] } },
      },
    });
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', controller: true };
    await cluster.create(POD, ownedPod('a', { ...owner, uid: job.metadata?.uid ?? '' }));
    await cluster.settle();
    const [condition] = (await statusOf(cluster)).conditions ?? [];
    assert.deepEqual(
      [condition?.status, condition?.reason, condition?.message],
      ['False', 'SyncFailed', 'jobs.batch does not implement the scale subresource'],
    );
    const [a] = await pods(cluster);
    assert.ok(a !== undefined);
    assert.match(await evict(cluster, a), /because it failed sync: jobs.batch does not implement/);
    await cluster.stop();
  });

  it('tries again what could not be written, though the status says so already', async () => {
    let isRefused = false;
    const line = { refuses: (status?: PodDisruptionBudgetStatus) => isRefused && allows(status) };
    const controllers = allControllers().map((each) =>
      each.name === 'disruption-controller' ? behind(each, line) : each,
    );
    const cluster = await clusterWith({ minAvailable: 1 }, 2, { controllers });
    assert.equal(await counts(cluster), '1 2 1 2 SufficientPods');
    isRefused = true;
    const web = await cluster.get(DEPLOYMENT, 'web', 'default');
    await cluster.patch(DEPLOYMENT, web, { spec: { replicas: 3 } });
    await cluster.advance(60_000);
    assert.equal(await counts(cluster), '0 2 1 2 SyncFailed');
    isRefused = false;
    await cluster.advance(180_000);
    assert.equal(await counts(cluster), '2 3 1 3 SufficientPods');
    await cluster.stop();
  });

  it('gives up on an eviction that deleted nothing for two minutes', async () => {
    const cluster = await clusterWith({ maxUnavailable: 1 }, 2);
    const [first] = await pods(cluster);
    const name = first?.metadata?.name ?? '';
    const budget = await cluster.get(POD_DISRUPTION_BUDGET, 'web', 'default');
    const disruptedPods = { [name]: timeText(cluster.environment.clock.now()) };
    await cluster.run(
      cluster.client.update(
        POD_DISRUPTION_BUDGET,
        { ...budget, status: { ...(await statusOf(cluster)), disruptedPods } },
        'status',
      ),
    );
    await cluster.advance(60_000);
    assert.equal(await counts(cluster), '0 1 1 2 InsufficientPods');
    await cluster.advance(70_000);
    assert.equal(await counts(cluster), '1 2 1 2 SufficientPods');
    assert.equal((await eventsOf(cluster, 'NotDeleted')).length, 1);
    await cluster.stop();
  });

  it('of a Pod that two of them select, the Pod tells', async () => {
    const cluster = await clusterWith({ minAvailable: 0 }, 1);
    await cluster.create(POD_DISRUPTION_BUDGET, {
      metadata: { name: 'also', namespace: 'default' },
      spec: { selector: SELECTOR, minAvailable: 0 },
    });
    const [only] = await pods(cluster);
    assert.ok(only !== undefined);
    await cluster.patch(POD, only, { metadata: { annotations: { a: 'b' } } });
    await cluster.settle();
    const [message = ''] = await eventsOf(cluster, 'MultiplePodDisruptionBudgets');
    assert.match(
      message,
      /^Pod "default"\/"web-.*" matches multiple PodDisruptionBudgets\. {2}Chose/,
    );
    await cluster.stop();
  });
});

describe('the condition DisruptionTarget', () => {
  it('is taken back after two minutes from a Pod that nobody ended', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(POD, ownedPod('a'));
    await cluster.settle();
    const condition = (reason: string) => ({
      type: 'DisruptionTarget',
      status: 'True' as const,
      reason,
      message: 'soon',
      lastTransitionTime: timeText(cluster.environment.clock.now()),
    });
    const mark = async (reason: string): Promise<void> => {
      const pod = await cluster.get(POD, 'a', 'default');
      const others = (pod.status?.conditions ?? []).filter(
        ({ type }) => type !== 'DisruptionTarget',
      );
      const status = { ...pod.status, conditions: [...others, condition(reason)] };
      await cluster.run(cluster.client.update(POD, { ...pod, status }, 'status'));
    };
    const target = async () => {
      const { status } = await cluster.get(POD, 'a', 'default');
      const found = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
      return [found?.status, found?.reason];
    };
    await mark('EvictionByEvictionAPI');
    await cluster.advance(110_000);
    assert.deepEqual(await target(), ['True', 'EvictionByEvictionAPI']);
    await cluster.advance(15_000);
    assert.deepEqual(await target(), ['False', undefined]);
    await mark('TerminationByKubelet');
    await cluster.advance(200_000);
    assert.deepEqual(await target(), ['True', 'TerminationByKubelet']);
    await cluster.stop();
  });
});

const SQUAD: ResourceType<KubeObject & { readonly spec: { readonly size: number } }> = {
  group: 'example.com',
  version: 'v1',
  kind: 'Squad',
  plural: 'squads',
  namespaced: true,
};

function squads() {
  const integer = { type: 'integer' };
  const openAPIV3Schema = {
    type: 'object',
    properties: {
      spec: { type: 'object', properties: { size: integer } },
      status: { type: 'object', properties: { size: integer } },
    },
  };
  const scale = { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' };
  return {
    metadata: { name: 'squads.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced' as const,
      names: { plural: 'squads', singular: 'squad', kind: 'Squad', listKind: 'SquadList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema },
          subresources: { scale },
        },
      ],
    },
  };
}
