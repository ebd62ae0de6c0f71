/** Which Pods are collected. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import { node, pod } from '#kit/builders.ts';
import { notFound } from '#api/meta/status.ts';
import { MetricRegistry } from '#base/metrics.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Client } from '#client/client.ts';
import type { Setup } from '#reconcile/controller.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { planCollection, podGcController } from './pod-gc.ts';

function collect(
  pods: readonly string[],
  facts: {
    nodes?: readonly Node[];
    missing?: readonly [string, number][];
    terminatedPodsMax?: number;
    nowMs?: number;
  } = {},
): string[] {
  const nodes = new Map((facts.nodes ?? [node('n1')]).map((each) => [each.metadata?.name, each]));
  const victims = planCollection({
    pods: pods.map(pod),
    nodeOf: (name) => nodes.get(name),
    nowMs: facts.nowMs ?? 100_000,
    missingSinceMs: new Map(facts.missing ?? []),
    terminatedPodsMax: facts.terminatedPodsMax ?? 0,
  });
  return victims.map(({ pod: victim, reason }) => `${victim.metadata?.name} ${reason}`);
}

describe('planCollection', () => {
  it('takes Pods of nodes that have been gone for 40 s', () => {
    const pods = ['a node=ghost', 'b node=n1'];
    assert.deepEqual(collect(pods, { missing: [['ghost', 60_000]] }), ['a orphaned']);
    assert.deepEqual(collect(pods, { missing: [['ghost', 60_001]] }), []);
  });
  it('takes Pods that are deleted and never had a node', () => {
    assert.deepEqual(collect(['a unscheduled deleted', 'b unscheduled', 'c deleted']), [
      'a unscheduled',
    ]);
  });
  it('takes Pods that are deleted on a node which is out of service', () => {
    const out = node('n1 ready=Unknown taint=node.kubernetes.io/out-of-service:NoExecute');
    assert.deepEqual(collect(['a deleted', 'b'], { nodes: [out] }), ['a out-of-service']);
    const well = node('n1 ready=True taint=node.kubernetes.io/out-of-service:NoExecute');
    assert.deepEqual(collect(['a deleted'], { nodes: [well] }), []);
  });
  it('takes the oldest finished Pods beyond the threshold', () => {
    const pods = [
      'a phase=Failed created=3',
      'b phase=Succeeded created=1',
      'c phase=Failed created=2',
      'd created=0',
    ];
    assert.deepEqual(collect(pods, { terminatedPodsMax: 1 }), ['b terminated', 'c terminated']);
    assert.deepEqual(collect(pods, { terminatedPodsMax: 3 }), []);
    assert.deepEqual(collect(pods), []);
  });
});

describe('podGcController', () => {
  /** What is deleted when the cache knows no node, and the server says whether there is one. */
  async function deleted(nodeExists: boolean): Promise<string[]> {
    return (await collected(nodeExists)).names;
  }

  async function collected(nodeExists: boolean): Promise<{ names: string[]; patches: Pod[] }> {
    const environment = new VirtualEnvironment();
    const names: string[] = [];
    const patches: Pod[] = [];
    const client = {
      get: () =>
        nodeExists
          ? Promise.resolve(node('n1'))
          : Promise.reject(notFound({ group: '', resource: 'nodes' }, 'n1')),
      patch: (_type: unknown, _target: unknown, _kind: string, patch: Pod) =>
        Promise.resolve(patches.push(patch)),
      delete: (_type: unknown, target: { name: string }) =>
        Promise.resolve(names.push(target.name)),
    } as unknown as Client;
    const caches: Record<string, unknown> = {
      pods: { list: () => [pod('a node=n1 ready')] },
      nodes: { get: () => undefined },
    };
    const setup = {
      environment,
      client,
      log: environment.log,
      metrics: new MetricRegistry(),
      enqueue: () => {},
      watch: (type: { plural: string }) => caches[type.plural],
    } as unknown as Setup;
    const reconcile = podGcController().create(setup);
    await reconcile('collect', { client });
    await environment.advance(60_000);
    await reconcile('collect', { client });
    return { names, patches };
  }

  it('says why a Pod goes, and nothing of what others say of it', async () => {
    const [patch] = (await collected(false)).patches;
    assert.deepEqual(
      patch?.status?.conditions?.map(({ type, reason }) => [type, reason]),
      [['DisruptionTarget', 'DeletionByPodGC']],
    );
  });

  it('believes the server, not its cache, that a node is gone', async () => {
    assert.deepEqual(await deleted(true), []);
    assert.deepEqual(await deleted(false), ['a']);
  });
});
