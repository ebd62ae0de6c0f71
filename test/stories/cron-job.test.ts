/** Stories of CronJobs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CRON_JOB } from '#api/batch/cron-job.ts';
import { JOB } from '#api/batch/job.ts';
import type { CronJob, CronJobSpec, Job } from '#api/gen/batch-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { TestCluster } from '#kit/cluster.ts';
import { eventsAbout, job, podsOf, type Work } from '#kit/jobs.ts';
import { VIRTUAL_START_MS } from '#kit/virtual-environment.ts';

const MINUTE_MS = 60_000;
const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

function cronJob(spec: Partial<CronJobSpec>, work: Work = { runMs: 1_000 }): CronJob {
  return {
    metadata: { name: 'tick', namespace: 'default' },
    spec: {
      schedule: '*/10 * * * *',
      ...spec,
      jobTemplate: {
        metadata: { labels: { team: 'shop' }, annotations: { why: 'tea' } },
        spec: { ...job({}, work).spec!, backoffLimit: 0 },
        ...spec.jobTemplate,
      },
    },
  };
}

const read = (cluster: TestCluster): Promise<CronJob> => cluster.get(CRON_JOB, 'tick', 'default');
const jobsOf = (cluster: TestCluster): Promise<Job[]> => cluster.list(JOB, 'default');
const events = (cluster: TestCluster): Promise<string[]> => eventsAbout(cluster, 'CronJob');

/** Moves time to so many minutes (and a second) after the start of virtual time. */
function toMinute(cluster: TestCluster, minute: number): Promise<void> {
  return cluster.advance(minute * MINUTE_MS + 1_000 - cluster.environment.elapsedMs);
}

/** The minutes of the Jobs that there are. */
const minutes = (jobs: readonly Job[]): number[] =>
  jobs
    .map(
      ({ metadata }) =>
        Number(metadata?.name?.slice('tick-'.length)) - VIRTUAL_START_MS / MINUTE_MS,
    )
    .sort((a, b) => a - b);

async function started(spec: Partial<CronJobSpec>, work?: Work): Promise<TestCluster> {
  const cluster = await TestCluster.start();
  await cluster.create(CRON_JOB, cronJob(spec, work));
  return cluster;
}

describe('a CronJob', () => {
  it('makes a Job of its template at each time, and says which is active', async () => {
    const cluster = await started({}, { runMs: 120_000 });
    await toMinute(cluster, 9);
    assert.deepEqual(await jobsOf(cluster), []);
    await toMinute(cluster, 10);
    const [made] = await jobsOf(cluster);
    assert.equal(made?.metadata?.name, `tick-${VIRTUAL_START_MS / MINUTE_MS + 10}`);
    assert.equal(made?.metadata?.labels?.['team'], 'shop');
    assert.deepEqual(made?.metadata?.annotations, {
      why: 'tea',
      [SCHEDULED]: '2026-01-01T00:10:00Z',
    });
    const { name, uid } = (await read(cluster)).metadata ?? {};
    assert.deepEqual(controllerOf(made!), {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      name,
      uid,
      controller: true,
      blockOwnerDeletion: true,
    });
    const { status } = await read(cluster);
    assert.equal(status?.lastScheduleTime, '2026-01-01T00:10:00Z');
    const [{ resourceVersion: _revision, ...active } = {}] = status?.active ?? [];
    assert.deepEqual(active, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      name: made?.metadata?.name,
      namespace: 'default',
      uid: made?.metadata?.uid,
    });
    await toMinute(cluster, 15);
    const after = await read(cluster);
    assert.deepEqual(after.status?.active ?? [], []);
    const [done] = await jobsOf(cluster);
    assert.equal(after.status?.lastSuccessfulTime, done?.status?.completionTime);
    assert.deepEqual(await events(cluster), [
      `Normal SuccessfulCreate: Created job ${done?.metadata?.name}`,
      `Normal SawCompletedJob: Saw completed job: ${done?.metadata?.name}, condition: Complete`,
    ]);
    await toMinute(cluster, 21);
    assert.deepEqual(minutes(await jobsOf(cluster)), [10, 20]);
    await cluster.stop();
  });

  it('goes by the clock of its time zone', async () => {
    const cluster = await started({ schedule: '40 5 * * *', timeZone: 'Asia/Kolkata' });
    await toMinute(cluster, 9);
    assert.deepEqual(await jobsOf(cluster), []);
    await toMinute(cluster, 10);
    const [made] = await jobsOf(cluster);
    assert.equal(made?.metadata?.annotations?.[SCHEDULED], '2026-01-01T05:40:00+05:30');
    await cluster.stop();
  });

  it('lets Jobs run beside each other, skips one, or replaces it, as its policy says', async () => {
    const rows = [
      ['Allow', [10, 20]],
      ['Forbid', [10]],
      ['Replace', [20]],
    ] as const;
    for (const [concurrencyPolicy, left] of rows) {
      const cluster = await started({ concurrencyPolicy }, {});
      await toMinute(cluster, 21);
      assert.deepEqual(minutes(await jobsOf(cluster)), left, concurrencyPolicy);
      const { status } = await read(cluster);
      assert.equal(status?.active?.length, left.length, concurrencyPolicy);
      const said = (await events(cluster)).join('\n');
      const forbidden =
        'Normal JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid';
      assert.equal(said.includes(forbidden), concurrencyPolicy === 'Forbid');
      assert.equal(
        said.includes('Normal SuccessfulDelete: Deleted job tick-'),
        concurrencyPolicy === 'Replace',
      );
      await cluster.settle();
      assert.equal((await podsOf(cluster)).length, left.length, 'with its Pods');
      await cluster.stop();
    }
  });

  it('starts what was forbidden when the prior Job has ended, if there is a time left', async () => {
    const cluster = await started({ concurrencyPolicy: 'Forbid' }, { runMs: 12 * MINUTE_MS });
    await toMinute(cluster, 24);
    assert.deepEqual(minutes(await jobsOf(cluster)), [10, 20], 'at 22 past, for 20 past');
    await cluster.stop();
  });

  it('makes none while it is suspended, and the last one missed when it goes on', async () => {
    const cluster = await started({ suspend: true });
    await toMinute(cluster, 35);
    assert.deepEqual(await jobsOf(cluster), []);
    await cluster.patch(CRON_JOB, await read(cluster), { spec: { suspend: false } });
    await toMinute(cluster, 36);
    assert.deepEqual(minutes(await jobsOf(cluster)), [30]);
    assert.ok(!(await events(cluster)).join('').includes('TooManyMissedTimes'));
    await cluster.stop();
  });

  it('says when it missed more than a hundred times, and starts the last one', async () => {
    const cluster = await started({ suspend: true, schedule: '* * * * *' });
    await toMinute(cluster, 110);
    await cluster.patch(CRON_JOB, await read(cluster), { spec: { suspend: false } });
    await cluster.advance(10_000);
    assert.deepEqual(minutes(await jobsOf(cluster)), [110]);
    const many =
      'Warning TooManyMissedTimes: too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
    assert.ok((await events(cluster)).includes(many));
    await cluster.stop();
  });

  it('does not start what is older than its deadline', async () => {
    const cluster = await started({ suspend: true, startingDeadlineSeconds: 120 });
    await toMinute(cluster, 14);
    await cluster.patch(CRON_JOB, await read(cluster), { spec: { suspend: false } });
    await toMinute(cluster, 19);
    assert.deepEqual(await jobsOf(cluster), []);
    await toMinute(cluster, 20);
    assert.deepEqual(minutes(await jobsOf(cluster)), [20]);
    await cluster.stop();
  });

  it('does not make up for times of a schedule that it has just got', async () => {
    const cluster = await started({ schedule: '0 12 * * *' });
    await toMinute(cluster, 34);
    await cluster.patch(CRON_JOB, await read(cluster), { spec: { schedule: '*/10 * * * *' } });
    await toMinute(cluster, 39);
    assert.deepEqual(await jobsOf(cluster), []);
    await toMinute(cluster, 40);
    assert.deepEqual(minutes(await jobsOf(cluster)), [40]);
    await cluster.stop();
  });

  it('keeps so many Jobs of each kind that ended', async () => {
    const limits = { successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 1 };
    const good = await started(limits);
    await toMinute(good, 55);
    assert.deepEqual(minutes(await jobsOf(good)), [40, 50]);
    await good.stop();
    const bad = await started(limits, { runMs: 1_000, exitCode: 1 });
    await toMinute(bad, 55);
    assert.deepEqual(minutes(await jobsOf(bad)), [50]);
    assert.equal((await read(bad)).status?.lastSuccessfulTime, undefined);
    await bad.stop();
  });

  it('notices a Job that was deleted, and tells of one that it does not know', async () => {
    const cluster = await started({}, {});
    await toMinute(cluster, 11);
    const [made] = await jobsOf(cluster);
    await cluster.delete(JOB, made!, { propagationPolicy: 'Background' });
    await cluster.advance(2_000);
    assert.deepEqual((await read(cluster)).status?.active ?? [], []);
    const by = { ownerReferences: [controllerRefOf(made!)] };
    const stray = job({}, {});
    await cluster.create(JOB, { ...stray, metadata: { ...stray.metadata, ...by } });
    await cluster.advance(2_000);
    const said = await events(cluster);
    assert.ok(said.includes(`Normal MissingJob: Active job went missing: ${made?.metadata?.name}`));
    assert.ok(
      said.includes(
        'Warning UnexpectedJob: Saw a job that the controller did not create or forgot: work',
      ),
    );
    await cluster.stop();
  });

  it('takes up a Job that it made and could not say so', async () => {
    const cluster = await started({}, {});
    await toMinute(cluster, 10);
    const made = await read(cluster);
    const lost = { ...made, status: {} };
    await cluster.run(cluster.client.update(CRON_JOB, lost, 'status'));
    await cluster.advance(5_000);
    assert.deepEqual(minutes(await jobsOf(cluster)), [10]);
    const { status } = await read(cluster);
    assert.equal(status?.active?.length, 1);
    assert.equal(status?.lastScheduleTime, '2026-01-01T00:10:00Z');
    await cluster.stop();
  });

  it('says that a schedule has no times', async () => {
    const cluster = await started({ schedule: '0 0 31 2 *' });
    await toMinute(cluster, 11);
    assert.deepEqual(await events(cluster), [
      'Warning InvalidSchedule: invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second',
    ]);
    await cluster.stop();
  });

  it('goes with its Jobs and their Pods', async () => {
    const cluster = await started({}, {});
    await toMinute(cluster, 11);
    await cluster.delete(CRON_JOB, await read(cluster));
    await cluster.settle();
    assert.deepEqual(await jobsOf(cluster), []);
    assert.deepEqual(await podsOf(cluster), []);
    await cluster.stop();
  });
});

function controllerRefOf(made: Job): NonNullable<ReturnType<typeof controllerOf>> {
  const owner = controllerOf(made);
  assert.ok(owner !== undefined);
  return owner;
}
