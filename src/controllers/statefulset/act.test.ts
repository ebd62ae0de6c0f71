/** What is written for a plan, in which order, and what is told when it fails. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatefulSet } from '#api/gen/apps-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { alreadyExists, conflict, notFound } from '#api/meta/status.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { pod } from '#kit/builders.ts';
import { act } from './act.ts';
import type { ClaimPlan } from './claims.ts';
import type { Plan, Step } from './plan.ts';

const SET: StatefulSet = { metadata: { name: 'web', namespace: 'default' } };
const NO_CLAIMS: ClaimPlan = { creates: [], going: [], updates: [], conflicts: [] };
const PODS = { group: '', resource: 'pods' };

/** What was asked, `create pods web-0`; what `refusals` name fails. */
async function done(
  plan: Partial<Plan>,
  refusals: Readonly<Record<string, Error>> = {},
): Promise<{ asked: string[]; told: string[]; failure: string | undefined; updated: number }> {
  const asked: string[] = [];
  const told: string[] = [];
  const ask = (verb: string, { plural }: ResourceType<KubeObject>, name = ''): Promise<object> => {
    asked.push(`${verb} ${plural} ${name}`);
    const refusal = refusals[`${verb} ${plural} ${name}`];
    return refusal === undefined ? Promise.resolve({}) : Promise.reject(refusal);
  };
  const client = {
    create: (type: ResourceType<KubeObject>, object: KubeObject) =>
      ask('create', type, object.metadata?.name),
    update: (type: ResourceType<KubeObject>, object: KubeObject) =>
      ask('update', type, object.metadata?.name),
    delete: (type: ResourceType<KubeObject>, target: { name: string }) =>
      ask('delete', type, target.name),
  } as unknown as Client;
  const events = {
    event: ({ reason, message }: { reason: string; message: string }) =>
      void told.push(`${reason}: ${message}`),
  };
  const nothing = { isOrdered: true, phases: [], updates: [], pods: [], unavailable: undefined };
  const whole = { ...nothing, ...plan };
  const { failure, updated } = await act(SET, whole, { client, events });
  return { asked, told, failure: failure?.message, updated };
}

const create = (name: string, claims = NO_CLAIMS): Step => ({
  do: 'create',
  pod: pod(name),
  claims,
});
const remove = (name: string): Step => ({ do: 'delete', pod: pod(name) });
const refused = new Error('refused');

describe('act', () => {
  it('does phase after phase, then the updates', async () => {
    const plan = { phases: [[create('web-0')], [remove('web-9')]], updates: [pod('web-1')] };
    for (const isOrdered of [true, false]) {
      const { asked, told, updated } = await done({ ...plan, isOrdered });
      assert.deepEqual(asked, ['create pods web-0', 'delete pods web-9', 'delete pods web-1']);
      assert.deepEqual(told, [
        'SuccessfulCreate: Create Pod web-0 in StatefulSet web successful',
        'SuccessfulDelete: Delete Pod web-9 in StatefulSet web successful',
        'SuccessfulDelete: Delete Pod web-1 in StatefulSet web successful',
      ]);
      assert.equal(updated, 1);
    }
  });

  it('does nothing after a failure, and tells about that', async () => {
    const plan = { phases: [[create('web-0')], [remove('web-9')]], updates: [pod('web-1')] };
    for (const isOrdered of [true, false]) {
      const { asked, told, failure, updated } = await done(
        { ...plan, isOrdered },
        { 'create pods web-0': refused },
      );
      assert.deepEqual(asked, ['create pods web-0']);
      assert.deepEqual(told, [
        'FailedCreate: Create Pod web-0 in StatefulSet web failed error: refused',
      ]);
      assert.deepEqual([failure, updated], ['refused', 0]);
    }
  });

  it('counts the updates that were done', async () => {
    const plan = { updates: [pod('web-2'), pod('web-1'), pod('web-0')] };
    const { told, failure, updated } = await done(plan, { 'delete pods web-1': refused });
    assert.deepEqual([failure, updated, told.length], ['refused', 1, 2]);
    assert.equal(
      told[1],
      'FailedDelete: Delete Pod web-1 in StatefulSet web failed error: refused',
    );
  });

  it('takes a Pod that is gone for deleted', async () => {
    const gone = { 'delete pods web-0': notFound(PODS, 'web-0') };
    const { told, failure } = await done({ phases: [[remove('web-0')]] }, gone);
    assert.equal(failure, undefined);
    assert.deepEqual(told, ['SuccessfulDelete: Delete Pod web-0 in StatefulSet web successful']);
  });

  it('tells nothing about a name that is taken', async () => {
    const taken = { 'create pods web-0': alreadyExists(PODS, 'web-0') };
    const { told, failure } = await done({ phases: [[create('web-0')]] }, taken);
    assert.deepEqual([told, failure], [[], 'pods "web-0" already exists']);
  });
});

describe('act on claims', () => {
  const claim = (name: string): KubeObject => ({ metadata: { name } });
  const some = { ...NO_CLAIMS, creates: [claim('data-web-0'), claim('logs-web-0')] };

  it('makes them before the Pod, all that can be, and then not the Pod', async () => {
    const { asked, told, failure } = await done(
      { phases: [[create('web-0', { ...some, going: ['old-web-0'] })]] },
      { 'create persistentvolumeclaims data-web-0': refused },
    );
    assert.deepEqual(asked, [
      'create persistentvolumeclaims data-web-0',
      'create persistentvolumeclaims logs-web-0',
    ]);
    const message = '[pvc old-web-0 is being deleted, failed to create PVC data-web-0: refused]';
    assert.equal(failure, message);
    assert.deepEqual(told, [
      'FailedCreate: Create Claim data-web-0 for Pod web-0 in StatefulSet web failed error: refused',
      'SuccessfulCreate: Create Claim logs-web-0 Pod web-0 in StatefulSet web success',
      `FailedCreate: Create Pod web-0 in StatefulSet web failed error: ${message}`,
    ]);
  });

  it('tells who is in the way of their policy', async () => {
    const step: Step = {
      do: 'claims',
      pod: pod('web-0'),
      claims: { ...NO_CLAIMS, conflicts: ['data-web-0'] },
    };
    const { told } = await done({ phases: [[step]] });
    assert.deepEqual(told, [
      'ConflictingController: PersistentVolumeClaim data-web-0 has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim',
    ]);
  });

  it('tells about owners that cannot be set, but not about a claim that changed meanwhile', async () => {
    const claims = { ...NO_CLAIMS, updates: [claim('data-web-0')] };
    const step: Step = { do: 'owners', pod: pod('web-0'), claims, isTold: true };
    const request = 'update persistentvolumeclaims data-web-0';
    const failed = await done({ phases: [[step]] }, { [request]: refused });
    assert.deepEqual(failed.told, [
      'FailedUpdate: Update Pod web-0 in StatefulSet web failed error: could not update claim data-web-0 for delete policy ownerRefs: refused',
    ]);
    const changed = conflict(PODS, 'data-web-0', 'changed');
    const again = await done({ phases: [[step]] }, { [request]: changed });
    assert.deepEqual(again.told, []);
    assert.ok(again.failure?.includes('changed'));
  });

  it('tells about new owners of a Pod that stays, and nothing of one that goes', async () => {
    const claims = { ...NO_CLAIMS, updates: [claim('data-web-0')] };
    const owners = (isTold: boolean): Step => ({ do: 'owners', pod: pod('web-0'), claims, isTold });
    const request = 'update persistentvolumeclaims data-web-0';
    const stays = await done({ phases: [[owners(true)]] });
    assert.deepEqual(stays.told, [
      'SuccessfulUpdate: Update Pod web-0 in StatefulSet web successful',
    ]);
    assert.deepEqual((await done({ phases: [[owners(false)]] })).told, []);
    const failed = await done({ phases: [[owners(false)]] }, { [request]: refused });
    assert.deepEqual([failed.told, failed.failure], [[], 'refused']);
  });
});

describe('act on a Pod to repair', () => {
  const step: Step = { do: 'repair', pod: pod('web-0'), claims: NO_CLAIMS };
  it('tells how it went, but not that it changed meanwhile', async () => {
    const fine = await done({ phases: [[step]] });
    assert.deepEqual(fine.told, [
      'SuccessfulUpdate: Update Pod web-0 in StatefulSet web successful',
    ]);
    const failed = await done({ phases: [[step]] }, { 'update pods web-0': refused });
    assert.deepEqual(failed.told, [
      'FailedUpdate: Update Pod web-0 in StatefulSet web failed error: refused',
    ]);
    const changed = conflict(PODS, 'web-0', 'changed');
    const again = await done({ phases: [[step]] }, { 'update pods web-0': changed });
    assert.deepEqual(again.told, []);
    assert.ok(again.failure?.includes('changed'));
  });
  it('does not write it before its claims are there', async () => {
    const claims = { ...NO_CLAIMS, going: ['data-web-0'] };
    const { asked, told } = await done({ phases: [[{ ...step, claims }]] });
    assert.deepEqual(asked, []);
    assert.deepEqual(told, [
      'FailedUpdate: Update Pod web-0 in StatefulSet web failed error: pvc data-web-0 is being deleted',
    ]);
  });
});
