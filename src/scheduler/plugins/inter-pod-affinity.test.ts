import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Affinity, Namespace, Pod, PodAffinityTerm } from '#api/gen/core-v1.ts';
import { aNode, aPod, decide, place, snapshotOf, type World } from '#kit/scheduler-world.ts';
import { podInfo } from '../pod-info.ts';
import { FilterRun } from '../filter-run.ts';
import { interPodAffinity, interPodAffinityWith } from './inter-pod-affinity.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';

const nodes = [
  aNode('a1', { labels: { [ZONE]: 'a' } }),
  aNode('a2', { labels: { [ZONE]: 'a' } }),
  aNode('b1', { labels: { [ZONE]: 'b' } }),
];

function term(app: string, topologyKey: string, rest: Partial<PodAffinityTerm> = {}) {
  return { labelSelector: { matchLabels: { app } }, topologyKey, ...rest };
}

const near = (...terms: PodAffinityTerm[]): Affinity => ({
  podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms },
});
const away = (...terms: PodAffinityTerm[]): Affinity => ({
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms },
});
const wish = (weight: number, podAffinityTerm: PodAffinityTerm): Affinity => ({
  podAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm }],
  },
});
const wishAway = (weight: number, podAffinityTerm: PodAffinityTerm): Affinity => ({
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm }],
  },
});

const web = aPod('web', { labels: { app: 'web' } });
const namespace = (name: string, labels: Record<string, string> = {}): Namespace => ({
  metadata: { name, labels },
});
const spaces = [namespace('default'), namespace('team', { team: 'one' })];
const objects: World['objects'] = {
  namespaces: () => spaces,
  namespace: (name) => spaces.find(({ metadata }) => metadata?.name === name),
};

describe('InterPodAffinity', () => {
  type Row = [
    claim: string,
    placed: (readonly [Pod, string])[],
    affinity: Affinity | undefined,
    expected: string,
    rest?: { labels?: Record<string, string>; namespace?: string },
  ];
  const rows: Row[] = [
    ['goes near to the pod it wants', [[web, 'b1']], near(term('web', ZONE)), 'b1'],
    [
      'goes nowhere when the pod it wants is nowhere',
      [],
      near(term('web', ZONE)),
      "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.",
    ],
    [
      'is the first of its kind anywhere',
      [],
      near(term('new', ZONE)),
      'a1',
      { labels: { app: 'new' } },
    ],
    [
      'is not the first of its kind where the topology is missing',
      [],
      near(term('new', 'rack')),
      "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.",
      { labels: { app: 'new' } },
    ],
    [
      'must have all that it wants in one pod',
      [[web, 'b1']],
      near(term('web', ZONE), term('other', ZONE)),
      "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.",
    ],
    ['keeps away', [[web, 'a1']], away(term('web', ZONE)), 'b1'],
    [
      'says that it keeps away',
      [
        [web, 'a1'],
        [aPod('web2', { labels: { app: 'web' } }), 'b1'],
      ],
      away(term('web', ZONE)),
      "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.",
    ],
    [
      'is kept away by pods that are there',
      [[aPod('shy', { affinity: away(term('mine', ZONE)) }), 'a2']],
      undefined,
      'b1',
      { labels: { app: 'mine' } },
    ],
    [
      'says that it is kept away',
      [
        [aPod('shy', { affinity: away(term('mine', ZONE)) }), 'a2'],
        [aPod('shy2', { affinity: away(term('mine', HOST)) }), 'b1'],
      ],
      undefined,
      "0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules.",
      { labels: { app: 'mine' } },
    ],
    [
      'looks at its own namespace alone',
      [[aPod('web', { labels: { app: 'web' }, namespace: 'team' }), 'a1']],
      away(term('web', ZONE)),
      'a1',
    ],
    [
      'looks at namespaces that are named',
      [[aPod('web', { labels: { app: 'web' }, namespace: 'team' }), 'a1']],
      away(term('web', ZONE, { namespaces: ['team'] })),
      'b1',
    ],
    [
      'looks at namespaces that are selected',
      [[aPod('web', { labels: { app: 'web' }, namespace: 'team' }), 'a1']],
      away(term('web', ZONE, { namespaceSelector: { matchLabels: { team: 'one' } } })),
      'b1',
    ],
    [
      'looks at all namespaces, known or not',
      [[aPod('web', { labels: { app: 'web' }, namespace: 'new' }), 'a1']],
      away(term('web', ZONE, { namespaceSelector: {} })),
      'b1',
    ],
    [
      'is kept away by a pod that selects its namespace',
      [
        [
          aPod('shy', {
            affinity: away(
              term('mine', ZONE, { namespaceSelector: { matchLabels: { team: 'one' } } }),
            ),
          }),
          'a1',
        ],
      ],
      undefined,
      'b1',
      { labels: { app: 'mine' }, namespace: 'team' },
    ],
    ['follows a wish', [[web, 'b1']], wish(50, term('web', HOST)), 'b1'],
    ['follows a wish to be away', [[web, 'a1']], wishAway(50, term('web', ZONE)), 'b1'],
    [
      'follows the wish of a pod that is there',
      [[aPod('host', { affinity: wish(50, term('mine', HOST)) }), 'b1']],
      undefined,
      'b1',
      { labels: { app: 'mine' } },
    ],
    [
      'counts what a pod that is there must have as a wish',
      [[aPod('host', { labels: { app: 'mine' }, affinity: near(term('mine', HOST)) }), 'b1']],
      undefined,
      'b1',
      { labels: { app: 'mine' } },
    ],
  ];
  for (const [claim, placed, affinity, expected, rest = {}] of rows) {
    it(claim, () => {
      const wanted = aPod('p', { ...rest, ...(affinity === undefined ? {} : { affinity }) });
      assert.equal(place({ nodes, placed, objects }, wanted, [interPodAffinity]), expected);
    });
  }

  it('can be told to count no wishes of others', () => {
    const plugin = interPodAffinityWith({ ignorePreferredTermsOfExistingPods: true });
    const placed = [[aPod('host', { affinity: wish(50, term('mine', HOST)) }), 'b1']] as const;
    const wanted = aPod('p', { labels: { app: 'mine' } });
    assert.equal(place({ nodes, placed }, wanted, [plugin]), 'a1');
  });

  it('keeps its counts while pods and nodes come and go', () => {
    const snapshot = snapshotOf({ nodes, placed: [[web, 'a1']] });
    const wanted = aPod('p', { affinity: away(term('web', ZONE)) });
    const where = (): string => {
      const result = decide(snapshot, wanted, [interPodAffinity]);
      return 'node' in result ? result.node : result.message;
    };
    assert.equal(where(), 'b1');
    snapshot.removePod('default/web');
    assert.equal(where(), 'a1');
    snapshot.setPod({ ...web, spec: { containers: [], nodeName: 'b1' } });
    snapshot.setNode(aNode('b1', { labels: { [ZONE]: 'a' } }));
    assert.match(where(), /^0\/3/, 'the node has moved to the other zone');
    snapshot.removeNode('b1');
    assert.equal(where(), 'a1');
  });

  it('misses in a copy the pod that it must be near to', () => {
    const snapshot = snapshotOf({ nodes, placed: [[web, 'a1']] });
    const wanted = podInfo(aPod('p', { affinity: near(term('web', ZONE)) }));
    const begun = FilterRun.begin(wanted, [interPodAffinity], snapshot);
    assert.ok('run' in begun);
    const a1 = snapshot.node('a1');
    assert.ok(a1 !== undefined);
    assert.equal(begun.run.check(a1), undefined);
    const copy = begun.run.fork();
    copy.count(podInfo(web), a1, -1);
    assert.equal(copy.check(a1)?.kind, 'UnschedulableAndUnresolvable');
  });

  it('counts in a copy what is not there, without counting it for others', () => {
    const snapshot = snapshotOf({ nodes, placed: [[web, 'a1']] });
    const begun = FilterRun.begin(
      podInfo(aPod('p', { affinity: away(term('web', ZONE)) })),
      [interPodAffinity],
      snapshot,
    );
    assert.ok('run' in begun);
    const [a1] = snapshot.nodes;
    assert.ok(a1 !== undefined);
    const copy = begun.run.fork();
    copy.count(podInfo(web), a1, -1);
    assert.equal(copy.check(a1), undefined);
    assert.notEqual(begun.run.check(a1), undefined);
  });
});
