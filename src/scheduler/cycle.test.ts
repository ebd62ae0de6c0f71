import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod, PodSpec, Taint } from '#api/gen/core-v1.ts';
import { aNode as node, aPod as pod, place as placeIn, snapshotOf } from '#kit/scheduler-world.ts';
import { fitErrorMessage } from './diagnosis.ts';
import { podInfo } from './pod-info.ts';

function place(nodes: Node[], placed: [Pod, string][], wanted: Pod): string {
  return placeIn({ nodes, placed }, wanted);
}

describe('scheduleOne', () => {
  const hard = { key: 'k', value: 'v', effect: 'NoSchedule' } as Taint;
  const soft = { key: 'k', value: 'v', effect: 'PreferNoSchedule' } as Taint;
  type Row = [claim: string, nodes: Node[], placed: [Pod, string][], wanted: Pod, expected: string];
  const rows: Row[] = [
    ['takes the only node', [node('a')], [], pod('p'), 'a'],
    [
      'prefers the emptier node',
      [node('a'), node('b')],
      [[pod('x', { cpu: '3' }), 'a']],
      pod('p', { cpu: '1' }),
      'b',
    ],
    [
      'skips a node without room',
      [node('a', { cpu: '1' }), node('b')],
      [],
      pod('p', { cpu: '2' }),
      'b',
    ],
    [
      'says what is short',
      [node('a', { cpu: '1' })],
      [],
      pod('p', { cpu: '2' }),
      '0/1 nodes are available: 1 Insufficient cpu.',
    ],
    [
      'counts pods against the maximum',
      [node('a', { pods: '1' })],
      [[pod('x'), 'a']],
      pod('p'),
      '0/1 nodes are available: 1 Too many pods.',
    ],
    [
      'keeps off tainted nodes',
      [node('a', { taints: [hard] })],
      [],
      pod('p'),
      '0/1 nodes are available: 1 node(s) had untolerated taint(s).',
    ],
    [
      'tolerates',
      [node('a', { taints: [hard] })],
      [],
      pod('p', { tolerations: [{ key: 'k', operator: 'Exists' }] }),
      'a',
    ],
    [
      'avoids soft taints',
      [node('a', { taints: [soft] }), node('b')],
      [[pod('x', { cpu: '1' }), 'b']],
      pod('p'),
      'b',
    ],
    [
      'keeps off cordoned nodes',
      [node('a', { unschedulable: true })],
      [],
      pod('p'),
      '0/1 nodes are available: 1 node(s) were unschedulable.',
    ],
    [
      'follows nodeSelector',
      [node('a'), node('b', { labels: { disk: 'ssd' } })],
      [],
      pod('p', { nodeSelector: { disk: 'ssd' } }),
      'b',
    ],
    [
      'refuses a selector that nothing meets',
      [node('a')],
      [],
      pod('p', { nodeSelector: { disk: 'ssd' } }),
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      'gives a host port once',
      [node('a')],
      [[pod('x', { hostPort: 80 }), 'a']],
      pod('p', { hostPort: 80 }),
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    ],
    [
      'sums up and sorts the reasons',
      [node('a', { cpu: '1' }), node('b', { cpu: '1' }), node('c', { taints: [hard] })],
      [],
      pod('p', { cpu: '2' }),
      '0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.',
    ],
    ['says that there is no node', [], [], pod('p'), 'no nodes available to schedule pods'],
  ];
  for (const [claim, nodes, placed, wanted, expected] of rows) {
    it(claim, () => {
      assert.equal(place(nodes, placed, wanted), expected);
    });
  }

  it('follows preferred node affinity by weight', () => {
    const affinity = {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 80,
            preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] },
          },
        ],
      },
    } as NonNullable<PodSpec['affinity']>;
    const result = place(
      [node('a'), node('b', { labels: { disk: 'ssd' } })],
      [],
      pod('p', { affinity }),
    );
    assert.equal(result, 'b');
  });

  it('counts a sidecar beside the containers and an init container alone', () => {
    const initContainers = [
      { name: 'side', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
      { name: 'init', resources: { requests: { cpu: '3' } } },
    ] as NonNullable<PodSpec['initContainers']>;
    const wanted = podInfo(pod('p', { cpu: '1', initContainers }));
    assert.equal(wanted.requests.cpu, 4000);
  });

  it('a message for nodes counts each reason of a node', () => {
    const verdict = {
      plugin: 'NodeResourcesFit',
      kind: 'Unschedulable',
      reasons: ['Insufficient cpu', 'Insufficient memory'],
    } as const;
    const verdicts = new Map([['a', verdict]]);
    assert.equal(
      fitErrorMessage({ nodeCount: 1, verdicts }),
      '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.',
    );
  });
});

describe('Snapshot', () => {
  it('frees what a finished pod held, and keeps what is assumed until it is forgotten', () => {
    const snapshot = snapshotOf({ nodes: [] });
    snapshot.setNode(node('a'));
    const info = podInfo(pod('p', { cpu: '2' }));
    snapshot.assume(info, 'a');
    snapshot.setPod(info.pod);
    assert.equal(snapshot.node('a')?.requested.cpu, 2000, 'the API has not seen the binding yet');
    snapshot.forget({ ...info, uid: 'of another pod' });
    assert.equal(snapshot.node('a')?.requested.cpu, 2000, 'that one had its name before');
    snapshot.forget(info);
    assert.equal(snapshot.node('a')?.requested.cpu, 0);
    const bound = { ...info.pod, spec: { ...info.pod.spec!, nodeName: 'a' } };
    snapshot.setPod(bound);
    assert.equal(snapshot.node('a')?.requested.cpu, 2000);
    snapshot.setPod({ ...bound, status: { phase: 'Succeeded' } as NonNullable<Pod['status']> });
    assert.equal(snapshot.node('a')?.requested.cpu, 0);
  });

  it('counts pods of a node that is not known yet when it comes', () => {
    const snapshot = snapshotOf({ nodes: [] });
    snapshot.setPod({
      ...pod('p', { cpu: '1' }),
      spec: { ...pod('p', { cpu: '1' }).spec!, nodeName: 'late' },
    });
    snapshot.setNode(node('late'));
    assert.equal(snapshot.node('late')?.requested.cpu, 1000);
  });
});
