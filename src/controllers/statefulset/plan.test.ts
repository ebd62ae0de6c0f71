/** What a StatefulSet does in one pass, world by world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatefulSet, StatefulSetSpec } from '#api/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import type { OwnerReference } from '#api/meta/object.ts';
import { pod as plainPod } from '#kit/builders.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { newPod } from './identity.ts';
import { type Plan, planStatefulSet, type World } from './plan.ts';

const NOW_MS = VIRTUAL_START_MS + 100_000;

/** A set `web`. */
function web(spec: Partial<StatefulSetSpec> = {}, status = {}): StatefulSet {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'web' },
    spec: {
      replicas: 3,
      serviceName: 'web',
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
    status: { replicas: 0, availableReplicas: 0, ...status },
  };
}

/** `web-0 ready`: as the builder's, with the labels of a member; `old` is of the old revision. */
function member(set: StatefulSet, text: string): Pod {
  const plain = plainPod(text.replace(' old', ''));
  const ordinal = Number(/\d+$/.exec(plain.metadata?.name ?? '')?.[0] ?? 0);
  const made = newPod(set, ordinal, text.includes(' old') ? 'old' : 'new');
  return {
    ...made,
    metadata: { ...plain.metadata, labels: made.metadata?.labels ?? {} },
    ...(plain.status === undefined ? {} : { status: plain.status }),
  };
}

interface Extra {
  readonly claims?: readonly PersistentVolumeClaim[];
  readonly allowsMaxUnavailable?: boolean;
}

function planned(set: StatefulSet, pods: readonly string[], extra: Extra = {}): Plan {
  const template = { metadata: { labels: { app: 'web', is: 'old' } } };
  const world: World = {
    set,
    currentSet: { ...set, spec: { ...set.spec!, template } },
    updateSet: set,
    revisions: { current: 'old', update: 'new', collisionCount: 0 },
    pods: pods.map((text) => member(set, text)),
    claimOf: (name) => extra.claims?.find(({ metadata }) => metadata?.name === name),
    nowMs: NOW_MS,
    allowsMaxUnavailable: extra.allowsMaxUnavailable ?? false,
  };
  return planStatefulSet(world);
}

/** `create web-0`, `update web-2`. */
function steps(plan: Plan): string[] {
  return [
    ...plan.phases.flat().map((step) => `${step.do} ${step.pod.metadata?.name}`),
    ...plan.updates.map((pod) => `update ${pod.metadata?.name}`),
  ];
}

/** Of the steps that set owners alone, whether an event tells of them. */
function told(plan: Plan): boolean[] {
  return plan.phases.flat().flatMap((step) => (step.do === 'owners' ? [step.isTold] : []));
}

const all = (...flags: string[]): string[] => flags.map((flag, i) => `web-${i} ${flag}`);

type Row = [claim: string, set: StatefulSet, pods: string[], steps: string[]];

describe('planStatefulSet, in order', () => {
  const two = web({ replicas: 2 });
  const rows: Row[] = [
    ['makes the first that is missing', web(), ['web-0 ready', 'web-2 ready'], ['create web-1']],
    ['waits for one that is not ready', web(), ['web-0 ready', 'web-1'], []],
    ['waits for one that is not running', web(), ['web-0 ready phase=Pending'], []],
    ['waits for one that is going', web(), ['web-0 ready deleted', 'web-1 ready'], []],
    [
      'waits for one that is not available',
      web({ minReadySeconds: 30 }),
      ['web-0 ready since=80'],
      [],
    ],
    [
      'makes the next when it is available',
      web({ minReadySeconds: 30 }),
      ['web-0 ready since=70'],
      ['create web-1'],
    ],
    ['deletes a failed one', web(), ['web-0 phase=Failed'], ['delete web-0']],
    ['deletes one that has ended', web(), ['web-0 phase=Succeeded'], ['delete web-0']],
    ['waits for a failed one that is going', web(), ['web-0 phase=Failed deleted'], []],
    [
      'deletes the highest beyond the range',
      two,
      all('ready', 'ready', 'ready', 'ready'),
      ['delete web-3'],
    ],
    [
      'waits for one beyond the range that is going',
      two,
      all('ready', 'ready', 'ready', 'deleted'),
      [],
    ],
    [
      'deletes one beyond the range that is not ready, when it is the only one',
      two,
      all('ready', 'ready', 'ready', ''),
      ['delete web-3'],
    ],
    ['but not when a lower one is not ready either', two, all('ready', 'ready', '', ''), []],
    [
      'nor when it is ready but not available, and a lower one is neither',
      web({ replicas: 2, minReadySeconds: 30 }),
      ['web-0 ready since=1', 'web-1 ready since=1', 'web-2', 'web-3 ready since=90'],
      [],
    ],
    [
      'deletes number 0 when the numbers begin later',
      web({ replicas: 0, ordinals: { start: 1 } }),
      ['web-0 ready'],
      ['delete web-0'],
    ],
    ['leaves Pods without a number alone', web({ replicas: 0 }), ['stranger ready'], []],
    [
      'leaves numbers that no Pod can have alone',
      web({ replicas: 0 }),
      ['web-2147483648 ready'],
      [],
    ],
    [
      'replaces the highest old one',
      web(),
      all('ready old', 'ready old', 'ready'),
      ['update web-1'],
    ],
    [
      'leaves old ones below the partition',
      web({
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
      }),
      all('ready old', 'ready old', 'ready old'),
      ['update web-2'],
    ],
    [
      'leaves all with OnDelete',
      web({ updateStrategy: { type: 'OnDelete' } }),
      all('ready old', 'ready old', 'ready old'),
      [],
    ],
    ['scales before it updates', two, all('ready old', 'ready old', 'ready old'), ['delete web-2']],
  ];
  for (const [claim, set, pods, expected] of rows)
    it(claim, () => {
      assert.deepEqual(steps(planned(set, pods)), expected);
    });
});

describe('planStatefulSet, in parallel', () => {
  const web2 = (spec: Partial<StatefulSetSpec> = {}): StatefulSet =>
    web({ podManagementPolicy: 'Parallel', ...spec });
  const rows: Row[] = [
    ['makes all that are missing', web2(), ['web-1'], ['create web-0', 'create web-2']],
    [
      'deletes all beyond the range',
      web2({ replicas: 1 }),
      all('', 'ready', ''),
      ['delete web-2', 'delete web-1'],
    ],
    [
      'but not those that are going',
      web2({ replicas: 1 }),
      all('', 'ready', 'deleted'),
      ['delete web-1'],
    ],
    [
      'deletes what has ended, and makes what is missing',
      web2(),
      ['web-0 phase=Failed'],
      ['delete web-0', 'create web-1', 'create web-2'],
    ],
    [
      'replaces one old Pod at a time',
      web2(),
      all('ready old', 'ready old', 'ready old'),
      ['update web-2'],
    ],
    ['waits for a new one that is not ready', web2(), all('ready old', 'ready old', ''), []],
    [
      'replaces an old one that is not ready',
      web2(),
      all('ready old', 'ready old', ' old'),
      ['update web-2'],
    ],
    ['waits for one that is going', web2(), all('ready old', 'ready old', 'ready old deleted'), []],
  ];
  for (const [claim, set, pods, expected] of rows)
    it(claim, () => {
      assert.deepEqual(steps(planned(set, pods)), expected);
    });
});

describe('maxUnavailable', () => {
  const limited = (maxUnavailable: number | string, replicas = 5): StatefulSet =>
    web({
      replicas,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable } },
    });
  const olds = Array.from({ length: 5 }, (_, i) => `web-${i} ready old`);
  const gate = { allowsMaxUnavailable: true };

  it('counts with the gate alone', () => {
    assert.deepEqual(steps(planned(limited(2), olds)), ['update web-4']);
    assert.deepEqual(steps(planned(limited(2), olds, gate)), ['update web-4', 'update web-3']);
  });

  it('counts what is not available already, wherever it is', () => {
    const pods = ['web-0 old', ...olds.slice(1)];
    assert.deepEqual(steps(planned(limited(2), pods, gate)), ['update web-4']);
    assert.deepEqual(steps(planned(limited(1), pods, gate)), []);
  });

  it('is a share of the replicas, rounded down, and at least one', () => {
    assert.equal(steps(planned(limited('50%'), olds, gate)).length, 2);
    assert.equal(steps(planned(limited('10%'), olds, gate)).length, 1);
  });

  it('stops at the partition', () => {
    const set = limited('100%');
    set.spec!.updateStrategy!.rollingUpdate!.partition = 3;
    assert.deepEqual(steps(planned(set, olds, gate)), ['update web-4', 'update web-3']);
  });
});

describe('a new Pod', () => {
  const isOld = (plan: Plan): (string | undefined)[] =>
    plan.phases.flat().map(({ pod }) => pod.metadata?.labels?.['is']);
  const parallel = { podManagementPolicy: 'Parallel' } as const;

  it('is of the old revision below the partition, counted from the first number', () => {
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } as const;
    const set = web({ ...parallel, updateStrategy, ordinals: { start: 5 } });
    assert.deepEqual(isOld(planned(set, [])), ['old', undefined, undefined]);
  });

  it('is, where no partition is said, of the old one as long as there are so many', () => {
    const updateStrategy = { type: 'RollingUpdate' } as const;
    const set = web({ ...parallel, updateStrategy }, { currentReplicas: 2 });
    assert.deepEqual(isOld(planned(set, [])), ['old', 'old', undefined]);
    assert.deepEqual(isOld(planned(web({ ...parallel, updateStrategy }), [])), [
      undefined,
      undefined,
      undefined,
    ]);
    const whole = { type: 'RollingUpdate', rollingUpdate: {} } as const;
    assert.deepEqual(isOld(planned(web({ ...parallel, updateStrategy: whole }), []))[0], undefined);
    const onDelete = web(
      { ...parallel, updateStrategy: { type: 'OnDelete' } },
      { currentReplicas: 2 },
    );
    assert.deepEqual(isOld(planned(onDelete, [])), [undefined, undefined, undefined]);
  });
});

describe('claims in a plan', () => {
  const template: PersistentVolumeClaim = {
    metadata: { name: 'data', labels: { tier: 'db', app: 'other' }, annotations: { a: 'b' } },
    spec: { accessModes: ['ReadWriteOnce'] },
  };
  const claiming = (policy = {}, replicas = 1): StatefulSet =>
    web({
      replicas,
      volumeClaimTemplates: [template],
      persistentVolumeClaimRetentionPolicy: policy,
    });
  const claim = (name: string, metadata: object = {}): PersistentVolumeClaim => ({
    metadata: { name, namespace: 'default', ...metadata },
  });
  const owner = (kind: 'StatefulSet' | 'Pod', name: string, uid = name): OwnerReference => ({
    apiVersion: kind === 'Pod' ? 'v1' : 'apps/v1',
    kind,
    name,
    uid,
    controller: true,
  });

  it('are made as their template says, with the labels of the selector', () => {
    const plan = planned(claiming({ whenDeleted: 'Delete' }), []);
    const [step] = plan.phases.flat();
    assert.ok(step?.do === 'create');
    assert.deepEqual(step.claims.creates, [
      {
        metadata: {
          name: 'data-web-0',
          namespace: 'default',
          labels: { tier: 'db', app: 'web' },
          annotations: { a: 'b' },
          ownerReferences: [{ ...owner('StatefulSet', 'web'), blockOwnerDeletion: true }],
        },
        spec: { accessModes: ['ReadWriteOnce'] },
      },
    ]);
  });

  it('hold a new Pod up as long as they are going or go with the Pod before it', () => {
    const going = claim('data-web-0', { deletionTimestamp: '2026-01-01T00:00:00Z' });
    const [step] = planned(claiming(), [], { claims: [going] }).phases.flat();
    assert.ok(step?.do === 'create');
    assert.deepEqual(step.claims.going, ['data-web-0']);
    const stale = claim('data-web-0', { ownerReferences: [owner('Pod', 'web-0', 'before')] });
    const set = claiming({ whenScaled: 'Delete' });
    assert.deepEqual(steps(planned(set, [], { claims: [stale] })), []);
    assert.deepEqual(steps(planned(claiming(), [], { claims: [stale] })), ['create web-0']);
  });

  it('are made for a Pod that is pending, and for no other', () => {
    const set = claiming();
    assert.deepEqual(steps(planned(set, ['web-0 phase=Pending'])), ['claims web-0']);
    assert.deepEqual(steps(planned(set, ['web-0'])), []);
    assert.deepEqual(steps(planned(set, ['web-0 ready'])), []);
    const there = { claims: [claim('data-web-0')] };
    assert.deepEqual(steps(planned(set, ['web-0 phase=Pending'], there)), []);
  });

  it('that somebody else controls are told about, where a policy would delete them', () => {
    const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x', controller: true };
    const claims = [claim('data-web-0', { ownerReferences: [other] })];
    const set = claiming({ whenDeleted: 'Delete' });
    const [step] = planned(set, ['web-0 phase=Pending'], { claims }).phases.flat();
    assert.ok(step?.do === 'claims');
    assert.deepEqual([step.claims.conflicts, step.claims.updates], [['data-web-0'], []]);
    assert.deepEqual(steps(planned(claiming(), ['web-0 phase=Pending'], { claims })), []);
  });

  it('of Pods beyond the range get their owners before the Pods go', () => {
    const set = claiming({ whenScaled: 'Delete' });
    const claims = [claim('data-web-0'), claim('data-web-1')];
    const plan = planned(set, ['web-0 ready', 'web-1 ready'], { claims });
    assert.deepEqual(steps(plan), ['owners web-1', 'delete web-1']);
    assert.deepEqual(told(plan), [false]);
  });

  it('of Pods in the range get their owners too, and that is told', () => {
    const plan = planned(claiming({ whenDeleted: 'Delete' }), ['web-0 ready'], {
      claims: [claim('data-web-0')],
    });
    assert.deepEqual([steps(plan), told(plan)], [['owners web-0'], [true]]);
  });
});

describe('a new Pod', () => {
  it('has the names that the set gives it in the network, whatever its template says', () => {
    const spec = { containers: [], hostname: 'mine', subdomain: 'mine' };
    const template = { metadata: { labels: { app: 'web' } }, spec };
    const names = (serviceName: string): unknown[] => {
      const pod = newPod(web({ serviceName, template }), 0, 'new');
      return [pod.spec?.hostname, pod.spec?.subdomain];
    };
    assert.deepEqual(names('db'), ['web-0', 'db']);
    assert.deepEqual(names(''), ['web-0', undefined]);
  });
});

describe('a Pod that lost something', () => {
  it('is repaired when its turn comes', () => {
    const set = web({ replicas: 1 });
    const pod = member(set, 'web-0 ready');
    delete pod.metadata!.labels!['statefulset.kubernetes.io/pod-name'];
    const plan = planStatefulSet({
      set,
      currentSet: set,
      updateSet: set,
      revisions: { current: 'new', update: 'new', collisionCount: 0 },
      pods: [pod],
      claimOf: () => undefined,
      nowMs: NOW_MS,
      allowsMaxUnavailable: false,
    });
    const [step] = plan.phases.flat();
    assert.equal(step?.do, 'repair');
    assert.deepEqual(step?.pod.metadata?.labels, member(set, 'web-0').metadata?.labels);
  });

  it('gets the volumes of its claims, before others, in place of those of the same name', () => {
    const set = web({ replicas: 1, volumeClaimTemplates: [{ metadata: { name: 'data' } }] });
    const template = {
      spec: {
        containers: [],
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'tmp', emptyDir: {} },
        ],
      },
    };
    const made = newPod({ ...set, spec: { ...set.spec!, template } }, 0, 'new');
    assert.deepEqual(made.spec?.volumes, [
      { name: 'data', persistentVolumeClaim: { claimName: 'data-web-0' } },
      { name: 'tmp', emptyDir: {} },
    ]);
  });
});
