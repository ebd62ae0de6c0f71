/** What Pods want attached. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { Desired } from './desired.ts';
import type { AttachableVolume } from './pod-volumes.ts';

const pod = (name: string, node: string, uid = name): Pod => ({
  metadata: { name, namespace: 'default', uid },
  spec: { nodeName: node, containers: [] },
});
const volume = (name: string, driver = 'd'): AttachableVolume => ({
  uniqueName: name,
  driver,
  volumeHandle: name,
  name,
  isShared: false,
});
const nodesOf = (desired: Desired, name: string): string[] => [
  ...(desired.of(name)?.pods.keys() ?? []),
];

describe('what is wanted', () => {
  it('is wanted where the Pods are, until the last of them has ended', () => {
    const desired = new Desired();
    assert.deepEqual(desired.put(pod('a', 'n1'), [volume('v')]), ['v']);
    assert.deepEqual(desired.put(pod('b', 'n1'), [volume('v')]), ['v']);
    assert.deepEqual(nodesOf(desired, 'v'), ['n1']);
    desired.remove('default/a');
    assert.equal(desired.isWantedOn('v', 'n1'), true);
    assert.equal(desired.isWantedOn('v', 'n2'), false);
    desired.remove('default/b');
    assert.equal(desired.of('v'), undefined);
  });

  it('stays although the claim is lost, and grows', () => {
    const desired = new Desired();
    desired.put(pod('a', 'n1'), [volume('v')]);
    assert.deepEqual(desired.put(pod('a', 'n1'), []), []);
    assert.deepEqual(desired.put(pod('a', 'n1'), [volume('w')]), ['w']);
    assert.deepEqual([nodesOf(desired, 'v'), nodesOf(desired, 'w')], [['n1'], ['n1']]);
  });

  it('goes with a Pod although another of its name comes', () => {
    const desired = new Desired();
    desired.put(pod('a', 'n1', 'first'), [volume('v')]);
    const changed = desired.put(pod('a', 'n2', 'second'), [volume('w')]);
    assert.deepEqual(changed.toSorted(), ['v', 'w']);
    assert.deepEqual([nodesOf(desired, 'v'), nodesOf(desired, 'w')], [[], ['n2']]);
  });

  it('goes with a driver that attaches no more', () => {
    const desired = new Desired();
    desired.put(pod('a', 'n1'), [volume('v', 'd'), volume('w', 'e')]);
    assert.deepEqual(desired.removeDriver('d'), ['v']);
    assert.deepEqual([nodesOf(desired, 'v'), nodesOf(desired, 'w')], [[], ['n1']]);
  });
});
