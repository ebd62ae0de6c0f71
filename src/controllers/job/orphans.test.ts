/** Which Pods lose the tracking finalizer because no Job will remove it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { notFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import { jobPod, jobWith } from '#kit/job-pods.ts';
import { OrphanPods } from './orphans.ts';

const finished = { conditions: [{ type: 'Failed', status: 'True' }] };

interface World {
  readonly owner?: { readonly kind?: string; readonly uid?: string } | undefined;
  readonly pod?: string;
  /** The Job of that name in the cache, and on the server. */
  readonly cached?: Job;
  readonly live?: Job;
  /** The cache has seen the end of the Job. */
  readonly sawEnd?: boolean;
}

async function isReleased({
  owner,
  pod: text = 'a',
  cached,
  live,
  sawEnd,
}: World): Promise<boolean> {
  const base = jobPod(text);
  const reference = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    name: 'work',
    uid: 'work',
    controller: true,
    ...owner,
  };
  const metadata = {
    ...base.metadata,
    ...(owner === undefined ? {} : { ownerReferences: [reference] }),
  };
  const pod: Pod = { ...base, metadata };
  let released = false;
  const client = {
    get: () =>
      live === undefined
        ? Promise.reject(
            sawEnd === true
              ? new Error('asked')
              : notFound({ group: 'batch', resource: 'jobs' }, 'work'),
          )
        : Promise.resolve(live),
    patch: () => {
      released = true;
      return Promise.resolve({});
    },
  } as unknown as Client;
  const jobs = { get: () => cached } as unknown as Informer<Job>;
  const pods = { get: () => pod } as unknown as Informer<Pod>;
  const orphans = new OrphanPods({ jobs, pods });
  if (sawEnd === true) orphans.jobGone('work');
  await orphans.release('default/a', client);
  return released;
}

describe('a Pod with the finalizer', () => {
  const successor: Job = { ...jobWith(), metadata: { ...jobWith().metadata, uid: 'another' } };
  const elsewhere = jobWith({ managedBy: 'example.com/other' }, finished);
  const rows: readonly (readonly [claim: string, world: World, released: boolean])[] = [
    ['without an owner is released', {}, true],
    ['of a Job that runs is not', { owner: {}, cached: jobWith() }, false],
    ['of a Job that has finished is', { owner: {}, cached: jobWith({}, finished) }, true],
    ['of a Job that another controller manages is not', { owner: {}, cached: elsewhere }, false],
    ['of a Job that is gone is', { owner: {} }, true],
    ['of a Job whose end was seen is, and nobody is asked', { owner: {}, sawEnd: true }, true],
    ['of a Job that the cache does not show yet is not', { owner: {}, live: jobWith() }, false],
    [
      'of a Job whose name another has now is',
      { owner: {}, cached: successor, live: successor },
      true,
    ],
    ['of another kind of owner is not', { owner: { kind: 'ReplicaSet' } }, false],
    ['that it has not is let be', { pod: 'a untracked' }, false],
  ];
  for (const [claim, world, released] of rows)
    it(claim, async () => assert.equal(await isReleased(world), released));
});
