/** `cox node drain`: which pods go, what is said, and what a budget holds. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import { TestCluster } from '#kit/cluster.ts';
import { UserError } from '../user-error.ts';
import { drain, type DrainFlags } from './command.ts';
import { podsToEvict } from './pods-to-evict.ts';

const owned = (kind: string): Pod['metadata'] & object => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'o', uid: 'u', controller: true }],
});
const pod = (name: string, over: Partial<Pod> = {}): Pod => ({
  ...over,
  metadata: { name, namespace: 'default', ...over.metadata },
});
const EMPTY_DIR = { spec: { containers: [], volumes: [{ name: 'v', emptyDir: {} }] } };
const OVER = { status: { phase: 'Succeeded' as const } };

describe('the pods that a drain evicts', () => {
  const namesOf = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata?.name);
  const PODS = [
    pod('managed', { metadata: owned('ReplicaSet') }),
    pod('daemon', { metadata: owned('DaemonSet') }),
    pod('old-daemon', { metadata: owned('DaemonSet'), ...OVER }),
    pod('local', { metadata: owned('ReplicaSet'), ...EMPTY_DIR }),
    pod('old-local', { metadata: owned('Job'), ...EMPTY_DIR, ...OVER }),
    pod('alone'),
    pod('alone-and-over', OVER),
    pod('alone-and-local', EMPTY_DIR),
    pod('mirror', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }),
  ];
  const SAFE = ['managed', 'old-daemon', 'old-local', 'alone-and-over'];

  it('are those that come again elsewhere, where nothing more is allowed', () => {
    const plan = podsToEvict(PODS, {});
    assert.deepEqual(namesOf(plan.evict), SAFE);
    assert.deepEqual(plan.warnings, []);
    assert.deepEqual(plan.refusals, [
      'cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/daemon',
      'cannot delete Pods that declare no controller (use --force to override): default/alone, default/alone-and-local',
      'cannot delete Pods with local storage (use --delete-emptydir-data to override): default/local, default/alone-and-local',
    ]);
  });

  it('are more with each flag, with a warning', () => {
    const plan = podsToEvict(PODS, {
      ignoreDaemonsets: true,
      deleteEmptydirData: true,
      force: true,
    });
    assert.deepEqual(plan.refusals, []);
    assert.deepEqual(
      new Set(namesOf(plan.evict)),
      new Set([...SAFE, 'local', 'alone', 'alone-and-local']),
    );
    assert.deepEqual(plan.warnings, [
      'deleting Pods that declare no controller: default/alone, default/alone-and-local',
      'deleting Pods with local storage: default/local, default/alone-and-local',
      'ignoring DaemonSet-managed Pods: default/daemon',
    ]);
  });
});

describe('cox node drain', () => {
  let cluster: TestCluster;
  let said: string[] = [];
  beforeEach(async () => {
    cluster = await TestCluster.start({ nodes: 1 });
    said = [];
  });
  afterEach(() => cluster.stop());

  const run = (flags: Partial<DrainFlags> = {}): Promise<void> =>
    drain(
      'node-1',
      { gracePeriod: -1, timeout: '0s', ...flags },
      {
        client: cluster.client,
        environment: cluster.environment,
        say: (line) => said.push(line),
      },
    );
  const refuses = (promise: Promise<void>, pattern: RegExp): Promise<void> =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, pattern);
      return true;
    });
  async function makePod(name: string, labels = {}): Promise<void> {
    await cluster.create(POD, {
      metadata: { name, namespace: 'default', labels },
      spec: { nodeName: 'node-1', containers: [{ name: 'c', image: 'c:1' }] },
    });
    await cluster.settle();
  }
  const unschedulable = async () => (await cluster.get(NODE, 'node-1')).spec?.unschedulable;

  it('cordons, evicts, waits and says so', async () => {
    await makePod('a');
    await cluster.run(run({ force: true }));
    assert.deepEqual(said, [
      'node/node-1 cordoned',
      'Warning: deleting Pods that declare no controller: default/a',
      'evicting pod default/a',
      'pod/a evicted',
      'node/node-1 drained',
    ]);
    assert.equal(await unschedulable(), true);
    assert.deepEqual(await cluster.list(POD, 'default'), []);
  });

  it('has nothing to do on an empty node that is cordoned', async () => {
    await cluster.run(run());
    said = [];
    await cluster.run(run());
    assert.deepEqual(said, ['node/node-1 already cordoned', 'node/node-1 drained']);
  });

  it('evicts nothing where one pod may not go, but the node is cordoned', async () => {
    await makePod('a');
    const message =
      /unable to drain node "node-1" due to error: cannot delete Pods that declare no/;
    await refuses(cluster.run(run()), message);
    assert.equal((await cluster.list(POD, 'default')).length, 1);
    assert.equal(await unschedulable(), true);
  });

  it('tries again while a budget holds a pod, until the time is over', async () => {
    await makePod('a', { app: 'a' });
    await makePod('b');
    await cluster.create(POD_DISRUPTION_BUDGET, {
      metadata: { name: 'all', namespace: 'default' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'a' } } },
    });
    await cluster.settle();
    const message = /^error: global timeout reached: 12s\npod default\/a is still there$/;
    await refuses(cluster.run(run({ force: true, timeout: '12s' })), message);
    const retries = said.filter((line) => line.includes('(will retry after 5s)'));
    assert.equal(retries.length, 3);
    assert.match(
      retries[0] ?? '',
      /^error when evicting pods\/"a" -n "default" \(will retry after 5s\): Cannot evict pod as it would violate/,
    );
    assert.ok(said.includes('pod/b evicted'));
    assert.ok(!said.includes('node/node-1 drained'));
  });

  it('goes on when the budget lets the pod go', async () => {
    await makePod('a', { app: 'a' });
    const budget = await cluster.create(POD_DISRUPTION_BUDGET, {
      metadata: { name: 'all', namespace: 'default' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'a' } } },
    });
    await cluster.settle();
    const drained = run({ force: true });
    await cluster.advance(7_000);
    await cluster.delete(POD_DISRUPTION_BUDGET, budget);
    await cluster.run(drained);
    assert.ok(said.includes('pod/a evicted'));
  });

  it('asks for the time that it is told pods may take', async () => {
    await makePod('a');
    const uid = (await cluster.get(POD, 'a', 'default')).metadata?.uid;
    const bodies: unknown[] = [];
    const client = new Proxy(cluster.client, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...call: unknown[]): unknown => {
          if (name === 'createSubresource') bodies.push(call[3]);
          return member.apply(target, call);
        };
      },
    });
    const parts = { client, environment: cluster.environment, say: () => {} };
    const flags = { force: true, timeout: '0', gracePeriod: 7 };
    await cluster.run(drain('node-1', flags, parts));
    const [body] = bodies as { deleteOptions: object }[];
    // And of no other pod that has its name by then.
    assert.deepEqual(body?.deleteOptions, { preconditions: { uid }, gracePeriodSeconds: 7 });
  });

  it('refuses flags that mean nothing, before it does anything', async () => {
    await refuses(run({ timeout: 'soon' }), /--timeout "soon"/);
    await refuses(run({ gracePeriod: Number.NaN }), /--grace-period/);
    assert.equal(await unschedulable(), undefined);
  });

  it('says what the server says of a node that is not there', async () => {
    const parts = { client: cluster.client, environment: cluster.environment, say: () => {} };
    const missing = drain('none', { gracePeriod: -1, timeout: '0' }, parts);
    await assert.rejects(cluster.run(missing), /nodes "none" not found/);
  });
});
