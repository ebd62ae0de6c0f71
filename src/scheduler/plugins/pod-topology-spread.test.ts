import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Taint, TopologySpreadConstraint } from '#api/gen/core-v1.ts';
import { aNode, aPod, decide, place, type PodWords, snapshotOf } from '#kit/scheduler-world.ts';
import { type ClusterEvent, isAbout } from '../cluster-events.ts';
import { podInfo } from '../pod-info.ts';
import { podTopologySpread, podTopologySpreadWith } from './pod-topology-spread.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const labels = { app: 'web' };

const nodes = [
  aNode('a1', { labels: { [ZONE]: 'a' } }),
  aNode('a2', { labels: { [ZONE]: 'a' } }),
  aNode('b1', { labels: { [ZONE]: 'b' } }),
];

let count = 0;
const web = (words: PodWords = {}): Pod => aPod(`web-${count++}`, { labels, ...words });

function spread(words: Partial<TopologySpreadConstraint> = {}): PodWords {
  const constraint: TopologySpreadConstraint = {
    maxSkew: 1,
    topologyKey: ZONE,
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: labels },
    ...words,
  };
  return { labels, topologySpreadConstraints: [constraint] };
}

const UNEVEN = "node(s) didn't match pod topology spread constraints";

describe('PodTopologySpread', () => {
  type Row = [claim: string, placed: (readonly [Pod, string])[], words: PodWords, expected: string];
  const rows: Row[] = [
    ['fills the emptier zone', [[web(), 'a1']], spread(), 'b1'],
    ['lets zones differ by the skew', [[web(), 'a1']], spread({ maxSkew: 2 }), 'a1'],
    ['does not count pods of other namespaces', [[web({ namespace: 'x' }), 'a1']], spread(), 'a1'],
    [
      'counts a pod that does not spread itself',
      [[web(), 'a1']],
      { ...spread(), labels: { app: 'other' } },
      'a1',
    ],
    [
      'treats the least as nothing while there are too few domains',
      [
        [web(), 'a1'],
        [web(), 'b1'],
      ],
      spread({ minDomains: 3 }),
      `0/3 nodes are available: 3 ${UNEVEN}.`,
    ],
    [
      'needs the label',
      [],
      spread({ topologyKey: 'rack' }),
      `0/3 nodes are available: 3 ${UNEVEN} (missing required label).`,
    ],
    [
      'looks at the nodes alone that the pod may run on',
      [[web(), 'a1']],
      { ...spread(), nodeSelector: { [ZONE]: 'a' } },
      'a1',
    ],
    [
      'looks at all nodes when told so',
      [[web(), 'a1']],
      { ...spread({ nodeAffinityPolicy: 'Ignore' }), nodeSelector: { [ZONE]: 'a' } },
      'b1',
    ],
    [
      'counts only pods with its own value of a label',
      [[web({ labels: { ...labels, version: '1' } }), 'a1']],
      { ...spread({ matchLabelKeys: ['version'] }), labels: { ...labels, version: '2' } },
      'a1',
    ],
    [
      'prefers the emptier zone',
      [[web(), 'a1']],
      spread({ whenUnsatisfiable: 'ScheduleAnyway' }),
      'b1',
    ],
    [
      'prefers the emptier node',
      [
        [web(), 'a1'],
        [web(), 'b1'],
      ],
      spread({ whenUnsatisfiable: 'ScheduleAnyway', topologyKey: HOST }),
      'a2',
    ],
  ];
  for (const [claim, placed, words, expected] of rows) {
    it(claim, () => {
      assert.equal(place({ nodes, placed }, aPod('p', words), [podTopologySpread]), expected);
    });
  }

  const taints = [{ key: 'k', effect: 'NoSchedule' }] as Taint[];
  const tainted = [...nodes.slice(0, 2), aNode('b1', { labels: { [ZONE]: 'b' }, taints })];
  const taintRows: [claim: string, policy: 'Honor' | 'Ignore', expected: string][] = [
    ['counts nodes with taints', 'Ignore', 'b1'],
    ['does not count nodes with taints when told so', 'Honor', 'a1'],
  ];
  for (const [claim, nodeTaintsPolicy, expected] of taintRows) {
    it(claim, () => {
      const wanted = aPod('p', spread({ nodeTaintsPolicy }));
      const world = { nodes: tainted, placed: [[web(), 'a1']] as const };
      assert.equal(place(world, wanted, [podTopologySpread]), expected);
    });
  }

  const owner = { kind: 'ReplicaSet', apiVersion: 'apps/v1', name: 'web' };
  const selector = { matchLabels: labels };
  const objects = { replicaSet: () => ({ spec: { selector } }) };

  it('spreads the pods of one owner where they say nothing', () => {
    const world = { nodes, placed: [[web(), 'a1']] as const, objects };
    assert.equal(place(world, aPod('p', { labels, owner }), [podTopologySpread]), 'b1');
    assert.equal(place(world, aPod('p', { labels }), [podTopologySpread]), 'a1');
  });

  it('spreads the pods of one Service where they say nothing', () => {
    const services = () => [{ spec: { selector: labels } }];
    const world = { nodes, placed: [[web(), 'a1']] as const, objects: { services } };
    assert.equal(place(world, aPod('p', { labels }), [podTopologySpread]), 'b1');
  });

  it('takes other defaults', () => {
    const plugin = podTopologySpreadWith({
      defaultConstraints: [{ topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule', maxSkew: 1 }],
    });
    const placed = [
      [web(), 'a1'],
      [web(), 'a2'],
    ] as const;
    const wanted = aPod('p', { labels, owner });
    assert.equal(place({ nodes, placed, objects }, wanted, [plugin]), 'b1');
  });

  it('has pods wait for what makes other defaults come about', () => {
    const plugin = podTopologySpreadWith({
      defaultConstraints: [{ topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule', maxSkew: 1 }],
    });
    const cluster = snapshotOf({ nodes, objects });
    const pod = podInfo(aPod('p', { labels, owner }));
    const helps = (event: ClusterEvent): boolean =>
      plugin.hints?.some(
        (hint) => isAbout(hint, event) && hint.helps?.(pod, event, cluster) !== false,
      ) === true;
    const [before, after] = [aNode('n'), aNode('n', { labels: { [ZONE]: 'c' } })];
    assert.equal(helps({ resource: 'Node', action: 'UpdateNodeLabel', before, after }), true);
    assert.equal(helps({ resource: 'Node', action: 'Add', after: before }), false);
    const gone = (words: PodWords): ClusterEvent => ({
      resource: 'Pod',
      action: 'Delete',
      before: aPod('other', { nodeName: 'a1', ...words }),
    });
    assert.equal(helps(gone({ labels })), true);
    assert.equal(helps(gone({ labels: { app: 'another' } })), false);
  });

  it('keeps its counts while pods and nodes come and go', () => {
    const first = web();
    const snapshot = snapshotOf({ nodes, placed: [[first, 'a1']] });
    const where = (): string => {
      const result = decide(snapshot, aPod('p', spread()), [podTopologySpread]);
      return 'node' in result ? result.node : result.message;
    };
    assert.equal(where(), 'b1');
    snapshot.setPod({
      ...first,
      metadata: { ...first.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: { containers: [], nodeName: 'a1' },
    });
    assert.equal(where(), 'a1', 'a pod that is being deleted does not count');
    snapshot.setPod({ ...web(), spec: { containers: [], nodeName: 'b1' } });
    snapshot.setNode(aNode('c1', { labels: { [ZONE]: 'c' } }));
    snapshot.setPod({ ...web(), spec: { containers: [], nodeName: 'a1' } });
    assert.equal(where(), 'c1', 'the new zone is empty');
    snapshot.removeNode('c1');
    assert.equal(where(), 'a1');
  });
});
