/** Stories of Jobs that go when their time is over. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JOB } from '#api/batch/job.ts';
import { TestCluster } from '#kit/cluster.ts';
import { job, podsOf, readJob } from '#kit/jobs.ts';

describe('a finished Job', () => {
  it('goes with its Pods when its time to live is over, not before', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(JOB, job({ ttlSecondsAfterFinished: 30 }, { runMs: 1_000 }));
    await cluster.advance(25_000);
    assert.equal((await readJob(cluster)).status?.conditions?.at(-1)?.type, 'Complete');
    await cluster.advance(20_000);
    await assert.rejects(readJob(cluster), { reason: 'NotFound' });
    assert.deepEqual(await podsOf(cluster), []);
    await cluster.stop();
  });

  it('stays when it was given more time meanwhile, and without a time to live', async () => {
    const cluster = await TestCluster.start();
    const made = await cluster.create(JOB, job({ ttlSecondsAfterFinished: 30 }, { runMs: 1_000 }));
    await cluster.advance(20_000);
    // The controllers do not hear of it in time.
    cluster.faults = { ...cluster.faults, watchDelayMsMax: 120_000 };
    await cluster.patch(JOB, made, { spec: { ttlSecondsAfterFinished: 3_600 } });
    await cluster.advance(120_000);
    await readJob(cluster);
    cluster.faults = { ...cluster.faults, watchDelayMsMax: 0 };
    await cluster.patch(JOB, made, { spec: { ttlSecondsAfterFinished: null } });
    await cluster.advance(4_000_000);
    await readJob(cluster);
    await cluster.stop();
  });
});
