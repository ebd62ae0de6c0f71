import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, PodSpec } from '#api/gen/core-v1.ts';
import { aNode, aPod, place, type PodWords, snapshotOf } from '#kit/scheduler-world.ts';
import type { ClusterEvent } from '../cluster-events.ts';
import { podInfo } from '../pod-info.ts';
import { nodeDeclaredFeatures } from './node-declared-features.ts';

function declaring(name: string, ...declaredFeatures: string[]): Node {
  const node = aNode(name);
  return { ...node, status: { ...node.status, declaredFeatures } };
}

const restartingAll: PodSpec['containers'] = [
  { name: 'a', restartPolicyRules: [{ action: 'RestartAllContainers' }] },
];
const NONE = "0/2 nodes are available: 2 node(s) didn't match Pod's required features.";

describe('NodeDeclaredFeatures', () => {
  const rows: [claim: string, words: PodWords, feature: string][] = [
    [
      'a container that restarts all others',
      { containers: restartingAll },
      'RestartAllContainersOnContainerExits',
    ],
    [
      'an init container that does',
      { initContainers: restartingAll },
      'RestartAllContainersOnContainerExits',
    ],
    [
      'users of its own on the network of the host',
      { hostNetwork: true, hostUsers: false },
      'UserNamespacesHostNetworkSupport',
    ],
  ];
  for (const [claim, words, feature] of rows)
    it(`finds the node for ${claim}`, () => {
      const other = declaring('b', 'Other');
      assert.equal(place({ nodes: [aNode('a'), other] }, aPod('p', words)), NONE);
      const able = declaring('b', 'Other', feature);
      assert.equal(place({ nodes: [aNode('a'), able] }, aPod('p', words)), 'b');
    });

  it('costs nothing for other pods', () => {
    const cluster = snapshotOf({ nodes: [] });
    for (const words of [{}, { hostNetwork: true }, { hostUsers: false }]) {
      const pod = podInfo(aPod('p', words));
      assert.equal(nodeDeclaredFeatures.preFilter?.(pod, cluster), undefined);
    }
  });

  it('tries again when a node declares more', () => {
    const [hint] = nodeDeclaredFeatures.hints ?? [];
    const pod = podInfo(aPod('p', { containers: restartingAll }));
    const change = (before: Node | undefined, after: Node): ClusterEvent => ({
      resource: 'Node',
      action: before === undefined ? 'Add' : 'UpdateNodeDeclaredFeature',
      ...(before === undefined ? {} : { before }),
      after,
    });
    const cluster = snapshotOf({ nodes: [] });
    assert.equal(hint?.helps?.(pod, change(undefined, aNode('a')), cluster), true);
    assert.equal(hint?.helps?.(pod, change(aNode('a'), declaring('a', 'X')), cluster), true);
    assert.equal(
      hint?.helps?.(pod, change(declaring('a', 'X'), declaring('a', 'X')), cluster),
      false,
    );
  });
});
