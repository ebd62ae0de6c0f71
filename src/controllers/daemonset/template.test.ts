/** The Pod of a DaemonSet for a node, and the nodes that it may be on. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonSet } from '#api/gen/apps-v1.ts';
import type { Node, PodSpec } from '#api/gen/core-v1.ts';
import { node, pod } from '#kit/builders.ts';
import { isSpent, judgeOf, podsByNode } from './nodes.ts';
import { isUpdated, podFor, tolerationsOf } from './template.ts';

const MAIN = { containers: [{ name: 'main', image: 'v1' }] };

function log(spec: Partial<PodSpec> = {}, generation?: string): DaemonSet {
  const annotations =
    generation === undefined ? {} : { 'deprecated.daemonset.template.generation': generation };
  return {
    metadata: { name: 'log', namespace: 'default', uid: 'log', annotations },
    spec: { template: { metadata: { labels: { app: 'log' } }, spec: { ...MAIN, ...spec } } },
  };
}

describe('tolerations', () => {
  const keys = (spec: PodSpec): string[] =>
    tolerationsOf(spec).map(
      ({ key, effect }) => `${key?.replace('node.kubernetes.io/', '')}:${effect}`,
    );
  const added = [
    'not-ready:NoExecute',
    'unreachable:NoExecute',
    'disk-pressure:NoSchedule',
    'memory-pressure:NoSchedule',
    'pid-pressure:NoSchedule',
    'unschedulable:NoSchedule',
  ];

  it('are those of the template, and those that nodes need in trouble', () => {
    const own = { key: 'mine', operator: 'Exists', effect: 'NoSchedule' } as const;
    assert.deepEqual(keys({ ...MAIN, tolerations: [own] }), ['mine:NoSchedule', ...added]);
  });
  it('are one more on the network of the host', () => {
    assert.deepEqual(keys({ ...MAIN, hostNetwork: true }), [
      ...added,
      'network-unavailable:NoSchedule',
    ]);
  });
  it('lose their seconds: a Pod of a DaemonSet stays', () => {
    const key = 'node.kubernetes.io/unreachable';
    const own = { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 } as const;
    const all = tolerationsOf({ ...MAIN, tolerations: [own] });
    assert.equal(all.length, added.length);
    assert.deepEqual(all[0], { key, operator: 'Exists', effect: 'NoExecute' });
  });
});

describe('podFor', () => {
  it('makes the Pod for one node, and keeps what else the template prefers', () => {
    const preferred = [{ weight: 1, preference: { matchExpressions: [] } }];
    const podAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [] };
    const required = {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' as const }] }],
    };
    const affinity = {
      podAffinity,
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: preferred,
        requiredDuringSchedulingIgnoredDuringExecution: required,
      },
    };
    const made = podFor(log({ affinity }, '7'), 'n1', 'abc');
    assert.deepEqual(made.metadata?.labels, {
      app: 'log',
      'pod-template-generation': '7',
      'controller-revision-hash': 'abc',
    });
    assert.equal(made.metadata?.ownerReferences?.[0]?.kind, 'DaemonSet');
    const values = ['n1'];
    assert.deepEqual(made.spec?.affinity, {
      podAffinity,
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: preferred,
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values }] }],
        },
      },
    });
  });

  it('says no number of the template when the set has none that is one', () => {
    for (const generation of [undefined, 'x']) {
      const labels = podFor(log({}, generation), 'n1', 'abc').metadata?.labels ?? {};
      assert.equal('pod-template-generation' in labels, false);
    }
  });
});

describe('isUpdated', () => {
  const labelled = (labels: Record<string, string>) => ({ metadata: { labels } });
  it('goes by the hash, or by the number that older releases wrote', () => {
    const set = log({}, '3');
    assert.equal(isUpdated(set, labelled({ 'controller-revision-hash': 'abc' }), 'abc'), true);
    assert.equal(isUpdated(set, labelled({ 'pod-template-generation': '3' }), 'abc'), true);
    assert.equal(isUpdated(set, labelled({ 'pod-template-generation': '2' }), 'abc'), false);
    assert.equal(isUpdated(log(), labelled({}), ''), false);
  });
});

describe('a node', () => {
  const ssd: Node = { ...node('n1'), metadata: { name: 'n1', labels: { disk: 'ssd' } } };
  const tainted = (key: string, effect: string): Node => node(`n1 taint=${key}:${effect}`);
  const term = (...matchExpressions: { key: string; operator: string; values?: string[] }[]) =>
    ({
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions }],
        },
      },
    }) as NonNullable<PodSpec['affinity']>;
  const byName = (name: string) =>
    ({
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {},
            { matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] },
          ],
        },
      },
    }) as NonNullable<PodSpec['affinity']>;
  const rows: [claim: string, spec: Partial<PodSpec>, on: Node, verdict: string][] = [
    ['runs it when nothing is asked', {}, ssd, 'runs'],
    ['runs it when it is named', { nodeName: 'n1' }, ssd, 'runs'],
    ['does not when another is named', { nodeName: 'n2' }, ssd, 'never'],
    ['runs it when it has the labels', { nodeSelector: { disk: 'ssd' } }, ssd, 'runs'],
    ['does not when it has not', { nodeSelector: { disk: 'hdd' } }, ssd, 'never'],
    [
      'runs it when a term matches',
      { affinity: term({ key: 'disk', operator: 'In', values: ['ssd'] }) },
      ssd,
      'runs',
    ],
    [
      'does not when none matches',
      { affinity: term({ key: 'disk', operator: 'DoesNotExist' }) },
      ssd,
      'never',
    ],
    ['does not when the terms say nothing', { affinity: term() }, ssd, 'never'],
    ['runs it when a term has its name', { affinity: byName('n1') }, ssd, 'runs'],
    ['does not when a term has another name', { affinity: byName('n2') }, ssd, 'never'],
    ['lets it stay when new ones are kept out', {}, tainted('full', 'NoSchedule'), 'stays'],
    ['sends it away', {}, tainted('full', 'NoExecute'), 'never'],
    ['does not mind what is only preferred', {}, tainted('full', 'PreferNoSchedule'), 'runs'],
    [
      'runs it when it is cordoned',
      {},
      tainted('node.kubernetes.io/unschedulable', 'NoSchedule'),
      'runs',
    ],
    [
      'lets it stay when the node is not ready',
      {},
      tainted('node.kubernetes.io/not-ready', 'NoExecute'),
      'runs',
    ],
  ];
  for (const [claim, spec, on, expected] of rows)
    it(claim, () => {
      const { shouldRun, mayStay } = judgeOf(log(spec))(on);
      assert.equal(shouldRun ? 'runs' : mayStay ? 'stays' : 'never', expected);
    });
});

describe('podsByNode', () => {
  it('leaves out what says no node, or two', () => {
    const waiting = podFor(log(), 'n2', 'abc');
    const twice = structuredClone(waiting);
    twice.spec!.affinity!.nodeAffinity!.requiredDuringSchedulingIgnoredDuringExecution!
      .nodeSelectorTerms[0]!.matchFields![0]!.values = ['n2', 'n3'];
    const found = podsByNode([pod('b node=n2'), pod('a'), waiting, twice, pod('c unscheduled')]);
    assert.deepEqual(
      [...found].map(([name, pods]) => [name, pods.length]),
      [
        ['n1', 1],
        ['n2', 2],
      ],
    );
  });
  it('is asked about Pods that are not spent', () => {
    assert.equal(isSpent(pod('a phase=Failed deleted')), true);
    assert.equal(isSpent(pod('a phase=Failed')), false);
    assert.equal(isSpent(pod('a deleted')), false);
  });
});
