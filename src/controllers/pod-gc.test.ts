/** Which Pods are collected. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '#api/gen/core-v1.ts';
import { node, pod } from '#kit/builders.ts';
import { planCollection } from './pod-gc.ts';

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
  return victims.map(
    ({ pod: victim, orphaned }) => `${victim.metadata?.name}${orphaned ? ' orphaned' : ''}`,
  );
}

describe('planCollection', () => {
  it('takes Pods of nodes that have been gone for 40 s', () => {
    const pods = ['a node=ghost', 'b node=n1'];
    assert.deepEqual(collect(pods, { missing: [['ghost', 60_000]] }), ['a orphaned']);
    assert.deepEqual(collect(pods, { missing: [['ghost', 60_001]] }), []);
  });
  it('takes Pods that are deleted and never had a node', () => {
    assert.deepEqual(collect(['a unscheduled deleted', 'b unscheduled', 'c deleted']), ['a']);
  });
  it('takes Pods that are deleted on a node which is out of service', () => {
    const out = node('n1 ready=Unknown taint=node.kubernetes.io/out-of-service:NoExecute');
    assert.deepEqual(collect(['a deleted', 'b'], { nodes: [out] }), ['a']);
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
    assert.deepEqual(collect(pods, { terminatedPodsMax: 1 }), ['b', 'c']);
    assert.deepEqual(collect(pods, { terminatedPodsMax: 3 }), []);
    assert.deepEqual(collect(pods), []);
  });
});
