/** What a DaemonSet does in one pass, world by world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonSet, DaemonSetSpec } from '#api/gen/apps-v1.ts';
import type { IntOrString } from '#api/gen/meta-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { pod as plainPod } from '#kit/builders.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { podsByNode, type Verdict } from './nodes.ts';
import { type Plan, planDaemonSet, type World } from './plan.ts';
import { daemonSetStatus } from './status.ts';

const NOW_MS = VIRTUAL_START_MS + 100_000;

const VERDICTS: Readonly<Record<string, Verdict>> = {
  runs: { shouldRun: true, mayStay: true },
  stays: { shouldRun: false, mayStay: true },
  never: { shouldRun: false, mayStay: false },
};

function log(spec: Partial<DaemonSetSpec> = {}): DaemonSet {
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } } as const;
  return {
    metadata: { name: 'log', namespace: 'default', uid: 'log', generation: 3 },
    spec: { template: {}, updateStrategy, ...spec },
  };
}

function limited(limits: {
  maxSurge?: IntOrString;
  maxUnavailable?: IntOrString;
  minReadySeconds?: number;
}): DaemonSet {
  const { minReadySeconds = 0, ...rollingUpdate } = limits;
  return log({ minReadySeconds, updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
}

/** As the builder's; `old` is of another revision; `for=n1` is unscheduled and meant for n1. */
function daemon(text: string): Pod {
  const made = plainPod(text.replace(' old', ''));
  const hash = text.includes(' old') ? 'old' : 'new';
  const target = /for=(\S+)/.exec(text)?.[1];
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [target ?? ''] }];
  const affinity = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  };
  return {
    ...made,
    metadata: { ...made.metadata, labels: { 'controller-revision-hash': hash } },
    spec: target === undefined ? made.spec! : { containers: [], affinity },
  };
}

/** `nodes`: `n1 n2:stays`; a node runs Pods unless it says otherwise. */
function world(set: DaemonSet, nodes: string, pods: readonly string[], backoffMs = 0): World {
  const verdicts = nodes
    .split(' ')
    .filter(Boolean)
    .map((text): [string, Verdict] => {
      const [name = '', kind = 'runs'] = text.split(':');
      return [name, VERDICTS[kind]!];
    });
  return {
    set,
    nodes: new Map(verdicts),
    pods: podsByNode(pods.map(daemon)),
    hash: 'new',
    backoffMs: () => backoffMs,
    nowMs: NOW_MS,
  };
}

/** `create n1`, `delete a`. */
function steps({ creates, deletes }: Plan): string[] {
  return [
    ...creates.map((node) => `create ${node}`),
    ...deletes.map(({ metadata }) => `delete ${metadata?.name}`),
  ];
}

type Row = [claim: string, set: DaemonSet, nodes: string, pods: string[], steps: string[]];

function check(rows: readonly Row[]): void {
  for (const [claim, set, nodes, pods, expected] of rows)
    it(claim, () => {
      assert.deepEqual(steps(planDaemonSet(world(set, nodes, pods))), expected);
    });
}

describe('the Pods of a node', () => {
  check([
    ['are made where there is none', log(), 'n1 n2', ['a ready'], ['create n2']],
    ['are not made where they may only stay', log(), 'n1:stays', [], []],
    ['may stay', log(), 'n1:stays', ['a ready'], []],
    ['go where they may not stay', log(), 'n1:never', ['a ready'], ['delete a']],
    ['are not deleted twice', log(), 'n1:never', ['a ready deleted'], []],
    ['are waited for while they go', log(), 'n1', ['a ready deleted'], []],
    ['go when they have failed', log(), 'n1', ['a phase=Failed'], ['delete a']],
    [
      'are one, not counting one that failed',
      log(),
      'n1',
      ['a phase=Failed created=1', 'b ready created=5'],
      ['delete a'],
    ],
    ['go when they have ended', log(), 'n1', ['a phase=Succeeded'], ['delete a']],
    [
      'are one: the oldest stays',
      log(),
      'n1',
      ['a ready created=9', 'b ready created=5', 'c ready created=7'],
      ['delete c', 'delete a'],
    ],
    [
      'are one: the scheduled before the unscheduled',
      log(),
      'n1',
      ['a for=n1 created=1', 'b ready created=5'],
      ['delete a'],
    ],
    [
      'go when they wait for a node that is no more',
      log(),
      'n1',
      ['a ready', 'b for=n2', 'c ready node=n3'],
      ['delete b'],
    ],
  ]);

  it('are left alone for a while when they fail again', () => {
    const plan = planDaemonSet(world(log(), 'n1', ['a phase=Failed'], 4_000));
    assert.deepEqual([steps(plan), plan.waitMs, plan.ended], [[], 4_000, []]);
    const beside = world(log(), 'n1', ['a phase=Failed created=1', 'b ready created=5'], 4_000);
    assert.deepEqual(steps(planDaemonSet(beside)), []);
    const two = world(log(), 'n1 n2', ['a phase=Failed', 'b phase=Failed node=n2']);
    const waits: Readonly<Record<string, number>> = { n1: 2_000, n2: 1_000 };
    const backoffMs = (node: string): number => waits[node] ?? 0;
    assert.equal(planDaemonSet({ ...two, backoffMs }).waitMs, 1_000, 'until the first is due');
    const ended = planDaemonSet(world(log(), 'n1', ['a phase=Succeeded'], 4_000));
    assert.deepEqual(steps(ended), ['delete a'], 'those that ended are not');
    assert.deepEqual(
      ended.ended.map(({ node, failed }) => [node, failed]),
      [['n1', false]],
    );
  });

  it('are written for so many nodes in one pass', () => {
    const names = Array.from({ length: 300 }, (_, i) => `n${i}`);
    const made = planDaemonSet(world(log(), names.join(' '), []));
    assert.equal(made.creates.length, 250);
    const pods = names.map((name) => `pod-${name} phase=Failed node=${name}`);
    const gone = planDaemonSet(world(log(), names.join(' '), pods));
    assert.deepEqual([gone.deletes.length, gone.ended.length], [250, 250]);
  });
});

describe('an update without surge', () => {
  const two = limited({ maxUnavailable: 2 });
  const [a, b, c] = ['a ready old', 'b ready old node=n2', 'c ready old node=n3'];
  check([
    ['deletes as many as may be unavailable', two, 'n1 n2 n3', [a, b, c], ['delete a', 'delete b']],
    ['counts new Pods that are not ready', two, 'n1 n2 n3', [a, b, 'c node=n3'], ['delete a']],
    [
      'counts Pods that are going',
      two,
      'n1 n2 n3',
      [a, b, 'c ready node=n3 deleted'],
      ['delete a'],
    ],
    [
      'counts ready Pods that are not available',
      limited({ maxUnavailable: 2, minReadySeconds: 30 }),
      'n1 n2 n3',
      [a, b, 'c ready since=80 node=n3'],
      ['delete a'],
    ],
    [
      'deletes old Pods that are not available, whatever the limit',
      limited({ maxUnavailable: 1 }),
      'n1 n2 n3',
      [a, 'b old node=n2', 'c old node=n3'],
      ['delete b', 'delete c'],
    ],
    [
      'rounds a share up',
      limited({ maxUnavailable: '34%' }),
      'n1 n2 n3',
      [a, b, c],
      ['delete a', 'delete b'],
    ],
    [
      'goes on with one when both limits are 0',
      limited({ maxUnavailable: 0, maxSurge: 0 }),
      'n1 n2 n3',
      [a, b, c],
      ['delete a'],
    ],
    ['is none with OnDelete', log({ updateStrategy: { type: 'OnDelete' } }), 'n1', [a], []],
    ['waits until all nodes have their Pods', two, 'n1 n2', [a], ['create n2']],
  ]);
});

describe('an update with surge', () => {
  const one = limited({ maxSurge: 1, maxUnavailable: 0 });
  const waiting = limited({ maxSurge: 1, maxUnavailable: 0, minReadySeconds: 30 });
  const [a, b] = ['a ready old', 'b ready old node=n2'];
  check([
    ['makes a new Pod beside an old one', one, 'n1 n2', [a, b], ['create n1']],
    ['makes no more than it may', one, 'n1 n2', [a, 'x', b], []],
    ['deletes the old one when the new one is available', one, 'n1', [a, 'x ready'], ['delete a']],
    ['not before', waiting, 'n1', ['a ready old since=1', 'x ready since=80'], []],
    [
      'deletes an old one that is not ready as soon as there is a new one',
      one,
      'n1',
      ['a old', 'x'],
      ['delete a'],
    ],
    [
      'makes a new Pod where the old one is not available, whatever the limit',
      one,
      'n1 n2 n3',
      ['a old', b, 'c ready old node=n3', 'x node=n3'],
      ['create n1'],
    ],
    ['makes a Pod while the old one is going', one, 'n1', ['a ready old deleted'], ['create n1']],
    ['keeps the oldest of two new ones', one, 'n1', ['x ready', 'y ready created=1'], ['delete y']],
    ['keeps the oldest of two old ones', one, 'n1', [a, 'b ready old created=1'], ['delete b']],
    ['keeps one of each kind', one, 'n1', [a, 'x', 'y created=1'], ['delete y']],
    [
      'removes an old one from a node that it may not start on, when others are available',
      one,
      'n1:stays n2',
      ['a ready old', 'b ready node=n2'],
      ['delete a'],
    ],
    ['but not when it is needed', one, 'n1:stays n2', ['a ready old', 'b node=n2'], []],
    [
      'removes one that is not available from there',
      one,
      'n1:stays n2',
      ['a old', 'b node=n2'],
      ['delete a'],
    ],
  ]);
});

describe('the status', () => {
  it('counts the oldest Pod of each node', () => {
    const set = log({ minReadySeconds: 30 });
    set.status = {
      currentNumberScheduled: 9,
      numberMisscheduled: 9,
      desiredNumberScheduled: 9,
      numberReady: 9,
      numberUnavailable: 9,
      collisionCount: 2,
    };
    const status = daemonSetStatus(
      world(set, 'n1 n2 n3 n4 n5:stays n6:never', [
        'a ready since=10',
        'young created=5',
        'b ready since=90 node=n2',
        'c old node=n3',
        'd ready node=n5',
      ]),
    );
    assert.deepEqual(status, {
      currentNumberScheduled: 3,
      numberMisscheduled: 1,
      desiredNumberScheduled: 4,
      numberReady: 2,
      observedGeneration: 3,
      updatedNumberScheduled: 2,
      numberAvailable: 1,
      numberUnavailable: 3,
      collisionCount: 2,
    });
  });
});
