/** Plug-ins that look at one node at a time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeAffinity, NodeSelectorTerm } from '#api/gen/core-v1.ts';
import { aNode, aPod, decide, place, snapshotOf } from '#kit/scheduler-world.ts';
import type { Plugin, PodInfo } from '../framework.ts';
import { podInfo } from '../pod-info.ts';
import type { ScoringStrategy } from '../resource-strategies.ts';
import { imageLocality } from './image-locality.ts';
import { nodeAffinity, nodeAffinityWith } from './node-affinity.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesBalancedAllocationWith } from './node-resources-balanced-allocation.ts';
import { nodeResourcesFit, nodeResourcesFitWith } from './node-resources-fit.ts';
import { PLUGINS } from './order.ts';
import { schedulingGates } from './scheduling-gates.ts';

const required = (...nodeSelectorTerms: NodeSelectorTerm[]): NodeAffinity => ({
  requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
});
const named = (...values: string[]): NodeSelectorTerm => ({
  matchFields: [{ key: 'metadata.name', operator: 'In', values }],
});
const labelled = (key: string, ...values: string[]): NodeSelectorTerm => ({
  matchExpressions: [{ key, operator: 'In', values }],
});

/** The scores that a plug-in gives, by name of the node. */
function scores(plugin: Plugin, cluster: ReturnType<typeof snapshotOf>, pod: PodInfo) {
  const scorer = plugin.preScore?.(pod, cluster.nodes, cluster, []);
  if (scorer === undefined) return undefined;
  const all = cluster.nodes.map((node) => scorer.score(node));
  scorer.normalize?.(all, cluster.nodes);
  return Object.fromEntries(cluster.nodes.map(({ name }, i) => [name, all[i]]));
}

describe('NodeAffinity', () => {
  const nodes = [aNode('a'), aNode('b', { labels: { disk: 'ssd' } }), aNode('c')];
  const rows: [claim: string, affinity: NodeAffinity, expected: string][] = [
    ['goes to the node that is named', required(named('c')), 'c'],
    ['takes any of the terms', required(named('c'), named('x')), 'c'],
    [
      'says which plug-in leaves out all others',
      required({ ...named('a'), ...labelled('disk', 'ssd') }),
      "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, " +
        "2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
    ],
    [
      'says that nothing can be met',
      required({
        matchFields: [...(named('a').matchFields ?? []), ...(named('b').matchFields ?? [])],
      }),
      '0/3 nodes are available: pod affinity terms conflict.',
    ],
    [
      'looks at all nodes when one term names none',
      required(named('x'), labelled('disk', 'ssd')),
      'b',
    ],
    [
      'is met by no node when a term says nothing',
      required({}),
      "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
    ],
  ];
  for (const [claim, affinity, expected] of rows) {
    it(claim, () => {
      const wanted = aPod('p', { affinity: { nodeAffinity: affinity } });
      assert.equal(place({ nodes }, wanted, [nodeAffinity]), expected);
    });
  }

  it('asks no node but the one that is named', () => {
    const cluster = snapshotOf({ nodes });
    const wanted = aPod('p', { affinity: { nodeAffinity: required(named('b')) } });
    assert.equal(decide(cluster, wanted).looked, 1);
  });

  it('adds what the configuration asks of all pods', () => {
    const plugin = nodeAffinityWith({ addedAffinity: required(labelled('disk', 'ssd')) });
    assert.equal(place({ nodes }, aPod('p'), [plugin]), 'b');
    assert.equal(
      place({ nodes: [aNode('a')] }, aPod('p'), [plugin]),
      "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity.",
    );
  });

  it('adds what the configuration prefers for all pods', () => {
    const addedAffinity: NodeAffinity = {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, preference: labelled('disk', 'ssd') },
      ],
    };
    assert.equal(place({ nodes }, aPod('p'), [nodeAffinityWith({ addedAffinity })]), 'b');
  });
});

describe('NodePorts', () => {
  const ports = (hostIP: string, protocol: 'TCP' | 'UDP' = 'TCP') => ({
    containers: [{ name: 'main', ports: [{ containerPort: 80, hostPort: 80, hostIP, protocol }] }],
  });
  const rows: [claim: string, wanted: ReturnType<typeof ports>, fits: boolean][] = [
    ['another address is free', ports('10.0.0.2'), true],
    ['the same address is not', ports('10.0.0.1'), false],
    ['all addresses are not', ports('0.0.0.0'), false],
    ['another protocol is free', ports('10.0.0.1', 'UDP'), true],
  ];
  for (const [claim, wanted, fits] of rows) {
    it(`of a port: ${claim}`, () => {
      const placed = [[aPod('x', ports('10.0.0.1')), 'a']] as const;
      const result = place({ nodes: [aNode('a')], placed }, aPod('p', wanted), [nodePorts]);
      assert.equal(result === 'a', fits);
    });
  }
});

describe('NodeResourcesFit', () => {
  const pod = (requests: Record<string, string>) =>
    aPod('p', { containers: [{ name: 'main', resources: { requests } }] });

  it('names all that is short, in one order', () => {
    const node = aNode('a', { cpu: '1', memory: '1Gi', pods: '0' });
    const wanted = pod({ 'example.com/gpu': '1', memory: '2Gi', cpu: '2' });
    const result = decide(snapshotOf({ nodes: [node] }), wanted, [nodeResourcesFit]);
    assert.ok('diagnosis' in result);
    assert.deepEqual(result.diagnosis.verdicts.get('a')?.reasons, [
      'Too many pods',
      'Insufficient cpu',
      'Insufficient memory',
      'Insufficient example.com/gpu',
    ]);
  });

  const kinds: [claim: string, cpu: string, kind: string][] = [
    ['can be solved by eviction', '4', 'Unschedulable'],
    ['cannot be solved at all', '5', 'UnschedulableAndUnresolvable'],
  ];
  for (const [claim, cpu, kind] of kinds) {
    it(`knows what ${claim}`, () => {
      const placed = [[aPod('x', { cpu: '1' }), 'a']] as const;
      const cluster = snapshotOf({ nodes: [aNode('a')], placed });
      const result = decide(cluster, aPod('p', { cpu }), [nodeResourcesFit]);
      assert.ok('diagnosis' in result);
      assert.equal(result.diagnosis.verdicts.get('a')?.kind, kind);
    });
  }

  it('leaves resources alone that something else looks after', () => {
    const nodes = [aNode('a')];
    const wanted = pod({ 'example.com/gpu': '1', 'other.com/gpu': '1' });
    const args = { ignoredResources: ['example.com/gpu'], ignoredResourceGroups: ['other.com'] };
    assert.equal(place({ nodes }, wanted, [nodeResourcesFitWith(args)]), 'a');
    assert.match(
      place({ nodes }, wanted, [nodeResourcesFitWith({ ignoredResources: ['example.com/gpu'] })]),
      /1 Insufficient other.com\/gpu/,
    );
  });

  const cluster = snapshotOf({
    nodes: [aNode('empty'), aNode('half'), aNode('small', { cpu: '1', memory: '2Gi' })],
    placed: [[pod({ cpu: '1', memory: '4Gi' }), 'half']],
  });
  // With the pod (1 CPU, 2 GiB): empty 25 % and 25 %, half 50 % and 75 %, small 100 % and 100 %.
  const shape = [
    { utilization: 0, score: 0 },
    { utilization: 50, score: 10 },
    { utilization: 100, score: 4 },
  ];
  const cpuOnly = [{ name: 'cpu', weight: 1 }];
  type Row = [claim: string, strategy: ScoringStrategy, expected: Record<string, number>];
  const rows: Row[] = [
    ['prefers the emptier node', { type: 'LeastAllocated' }, { empty: 75, half: 37, small: 0 }],
    ['prefers the fuller node', { type: 'MostAllocated' }, { empty: 25, half: 62, small: 100 }],
    [
      'follows a shape',
      { type: 'RequestedToCapacityRatio', shape },
      { empty: 50, half: 85, small: 40 },
    ],
    [
      'does not count a resource without points',
      {
        type: 'RequestedToCapacityRatio',
        shape: [
          { utilization: 50, score: 0 },
          { utilization: 75, score: 10 },
        ],
      },
      { empty: 0, half: 100, small: 100 },
    ],
    [
      'weighs resources',
      {
        type: 'LeastAllocated',
        resources: [
          { name: 'cpu', weight: 3 },
          { name: 'memory', weight: 1 },
        ],
      },
      { empty: 75, half: 43, small: 0 },
    ],
    [
      'leaves resources out',
      { type: 'LeastAllocated', resources: cpuOnly },
      { empty: 75, half: 50, small: 0 },
    ],
  ];
  for (const [claim, scoringStrategy, expected] of rows) {
    it(`${claim} (${scoringStrategy.type})`, () => {
      const wanted = podInfo(pod({ cpu: '1', memory: '2Gi' }));
      assert.deepEqual(
        scores(nodeResourcesFitWith({ scoringStrategy }), cluster, wanted),
        expected,
      );
    });
  }
});

describe('NodeResourcesBalancedAllocation', () => {
  const requests = { cpu: '2', memory: '2Gi', 'example.com/gpu': '1' };
  const wanted = podInfo(aPod('p', { containers: [{ name: 'main', resources: { requests } }] }));

  it('prefers the node that the pod brings into balance', () => {
    const memory = { containers: [{ name: 'main', resources: { requests: { memory: '2Gi' } } }] };
    const cluster = snapshotOf({
      nodes: [aNode('even'), aNode('uneven')],
      placed: [[aPod('x', memory), 'uneven']],
    });
    // even: 0 %, 0 % becomes 50 %, 25 %; uneven: 0 %, 25 % becomes 50 %, 50 %.
    const plugin = nodeResourcesBalancedAllocationWith({});
    assert.deepEqual(scores(plugin, cluster, wanted), { even: 68, uneven: 81 });
  });

  it('counts other resources when told so', () => {
    const node = aNode('a');
    Object.assign(node.status?.allocatable ?? {}, { 'example.com/gpu': '1' });
    const names = ['cpu', 'memory', 'example.com/gpu'];
    const plugin = nodeResourcesBalancedAllocationWith({
      resources: names.map((name) => ({ name })),
    });
    // 50 %, 25 % and 100 %: a standard deviation of 0.3118.
    assert.deepEqual(scores(plugin, snapshotOf({ nodes: [node] }), wanted), { a: 59 });
  });

  it('counts the storage of nodes too for pods that ask for none', () => {
    const node = aNode('a');
    Object.assign(node.status?.allocatable ?? {}, { 'ephemeral-storage': '1Gi' });
    const names = ['cpu', 'memory', 'ephemeral-storage'];
    const plugin = nodeResourcesBalancedAllocationWith({
      resources: names.map((name) => ({ name })),
    });
    // 50 %, 25 % and 0 %: a standard deviation of 0.2041.
    assert.deepEqual(scores(plugin, snapshotOf({ nodes: [node] }), wanted), { a: 64 });
  });

  it('says nothing of a pod that asks for nothing', () => {
    const plugin = nodeResourcesBalancedAllocationWith({});
    const cluster = snapshotOf({ nodes: [aNode('a')] });
    assert.equal(scores(plugin, cluster, podInfo(aPod('p'))), undefined);
  });
});

describe('ImageLocality', () => {
  const MIB = 2 ** 20;

  it('prefers nodes that have the image, the larger and the more common the more so', () => {
    const cluster = snapshotOf({
      nodes: [
        aNode('none'),
        aNode('large', { images: { 'registry.example/web:latest': 1000 * MIB } }),
      ],
    });
    const wanted = podInfo(aPod('p', { image: 'registry.example/web' }));
    // Half of the nodes have it: it counts half, 500 MiB of 1000, above what counts as nothing.
    const expected = Math.floor((100 * (500 - 23)) / (1000 - 23));
    assert.deepEqual(scores(imageLocality, cluster, wanted), { none: 0, large: expected });
  });

  it('says nothing where no node has an image of the pod', () => {
    const cluster = snapshotOf({ nodes: [aNode('a', { images: { 'x:1': 900 * MIB } })] });
    assert.equal(scores(imageLocality, cluster, podInfo(aPod('p', { image: 'x:2' }))), undefined);
  });
});

describe('SchedulingGates', () => {
  it('names the gates', () => {
    const pod = aPod('p', { schedulingGates: [{ name: 'a' }, { name: 'b' }] });
    assert.deepEqual(
      schedulingGates.preEnqueue?.(podInfo(pod), snapshotOf({ nodes: [] }))?.reasons,
      ['waiting for scheduling gates: [a b]'],
    );
  });
});

describe('the default plug-ins', () => {
  it("have upstream's names, order and weights", () => {
    assert.deepEqual(
      PLUGINS.map(({ name, weight }) => (weight === undefined ? name : `${name} ${weight}`)),
      [
        'SchedulingGates',
        'PrioritySort',
        'NodeUnschedulable',
        'NodeName',
        'TaintToleration 3',
        'NodeAffinity 2',
        'NodePorts',
        'NodeResourcesFit 1',
        'VolumeRestrictions',
        'NodeVolumeLimits',
        'VolumeBinding',
        'VolumeZone',
        'PodTopologySpread 2',
        'InterPodAffinity 2',
        'DynamicResources 2',
        'NodeResourcesBalancedAllocation 1',
        'ImageLocality 1',
        'NodeDeclaredFeatures',
      ],
    );
  });
});
