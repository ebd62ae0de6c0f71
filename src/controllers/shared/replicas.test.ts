/** What a ReplicaSet does in one pass, row by row. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { selectorOf } from '#api/meta/labels.ts';
import { pod, replicaSet } from '#kit/builders.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';
import { rankForDeletion } from './pod-ranking.ts';
import { type Desired, isNews, planReplicas, replicasStatus } from './replicas.ts';

const NOW_MS = VIRTUAL_START_MS + 100_000;

function desired(replicas: number, minReadySeconds = 0): Desired {
  const template = { metadata: { labels: { app: 'web' } } };
  return {
    replicas,
    minReadySeconds,
    selector: selectorOf({ matchLabels: { app: 'web' } }),
    template,
  };
}

function plan(
  replicas: number,
  pods: readonly string[],
  owner = replicaSet('web'),
): ReturnType<typeof planReplicas> {
  return planReplicas({
    owner,
    desired: desired(replicas),
    pods: pods.map(pod),
    related: () => pods.map(pod),
    nowMs: NOW_MS,
  });
}

describe('planReplicas', () => {
  it('creates what is missing and deletes what is too much', () => {
    assert.deepEqual(plan(3, ['a ready']), { creates: 2, deletes: [] });
    assert.deepEqual(plan(1, ['a ready']), { creates: 0, deletes: [] });
    assert.deepEqual(
      plan(1, ['a ready', 'b']).deletes.map(({ metadata }) => metadata?.name),
      ['b'],
    );
  });

  it('bounds what one pass writes', () => {
    assert.equal(plan(9_999, []).creates, 500);
    const crowd = Array.from({ length: 501 }, (_, i) => `p${i}`);
    assert.equal(plan(0, crowd).deletes.length, 500);
  });

  it('leaves an owner that is being deleted to the garbage collector', () => {
    const owner = replicaSet('web');
    owner.metadata!.deletionTimestamp = '2026-01-01T00:00:00Z';
    assert.deepEqual(plan(3, [], owner), { creates: 0, deletes: [] });
    assert.deepEqual(plan(0, ['a'], owner).deletes, []);
  });
});

describe('isNews', () => {
  const rows: readonly (readonly [claim: string, before: string, after: string, is: boolean])[] = [
    ['gets a node', 'a unscheduled phase=Running', 'a', false],
    ['becomes ready', 'a', 'a ready', true],
    ['is ready anew', 'a ready', 'a ready since=20', true],
    ['has ended', 'a', 'a phase=Failed', true],
    ['is being deleted', 'a ready', 'a ready deleted', true],
    ['has other labels', 'a', 'a app=db', true],
    ['changes hands', 'a owner=web', 'a owner=db', true],
    ['changes hands for nobody', 'a owner=web', 'a', true],
  ];
  for (const [claim, before, after, is] of rows)
    it(`${is ? 'a' : 'no'} pass looks at a Pod that ${claim}`, () =>
      assert.equal(isNews(pod(after), pod(before)), is));
});

describe('rankForDeletion', () => {
  const rows: readonly [claim: string, pods: readonly string[], first: string][] = [
    ['the unassigned before the assigned', ['a ready', 'b unscheduled'], 'b'],
    ['the pending before the running', ['a', 'b phase=Pending'], 'b'],
    ['the unready before the ready', ['a ready', 'b'], 'b'],
    ['the lower cost before the higher', ['a ready', 'b ready cost=-5'], 'b'],
    ['the lowest cost first', ['a ready cost=-5', 'b ready cost=-2147483648'], 'b'],
    ['a malformed cost counts as none', ['a ready cost=-1', 'b ready cost=+5'], 'a'],
    [
      'the doubled-up before the lone',
      ['a ready node=n2', 'b ready node=n1', 'c ready node=n1'],
      'b',
    ],
    [
      'the ready for less time before the ready for longer',
      ['a ready since=1', 'b ready since=99'],
      'b',
    ],
    ['the more often restarted before the less', ['a restarts=1', 'b restarts=5'], 'b'],
    ['the younger before the older', ['a created=1', 'b created=99'], 'b'],
    ['of about equal age the one with the lower uid', ['b created=10', 'a created=11'], 'a'],
  ];
  for (const [claim, pods, first] of rows) {
    it(claim, () => {
      const objects = pods.map(pod);
      assert.equal(
        rankForDeletion(objects, { related: objects, minReadySeconds: 0, nowMs: NOW_MS })[0]
          ?.metadata?.name,
        first,
      );
    });
  }
});

describe('rankForDeletion with minReadySeconds', () => {
  it('puts the ready before the available, whatever their costs', () => {
    const objects = ['a ready since=90 cost=5', 'b ready since=10 cost=-5'].map(pod);
    const facts = { related: objects, minReadySeconds: 30, nowMs: NOW_MS };
    assert.equal(rankForDeletion(objects, facts)[0]?.metadata?.name, 'a');
  });
});

describe('replicasStatus', () => {
  const base = {
    owner: replicaSet('web'),
    terminating: 1,
    surplus: 0,
    failure: undefined,
    nowMs: NOW_MS,
  };

  it('counts ready, available and fully labelled Pods', () => {
    const pods = ['a ready since=10', 'b ready since=95', 'c', 'd app=other'].map(pod);
    const status = replicasStatus({ ...base, desired: desired(4, 10), pods });
    assert.deepEqual(status, {
      replicas: 4,
      fullyLabeledReplicas: 3,
      readyReplicas: 2,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 2,
    });
  });

  it('reports a failure, keeps the first one, and clears it', () => {
    const failure = new Error('exceeded quota');
    const failed = replicasStatus({ ...base, desired: desired(1), pods: [], surplus: -1, failure });
    assert.deepEqual(
      failed.conditions?.map(({ type, status, reason, message }) => [
        type,
        status,
        reason,
        message,
      ]),
      [['ReplicaFailure', 'True', 'FailedCreate', 'exceeded quota']],
    );
    const owner = { ...base.owner, status: failed };
    const again = replicasStatus({
      ...base,
      owner,
      desired: desired(1),
      pods: [],
      surplus: -1,
      failure: new Error('other'),
    });
    assert.deepEqual(again.conditions, failed.conditions);
    const healed = replicasStatus({ ...base, owner, desired: desired(1), pods: [] });
    assert.equal(healed.conditions, undefined);
  });
});
