/** Stories of Jobs: completions, parallelism, suspension, deadlines, and Pods that belong to them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JOB } from '#api/batch/job.ts';
import { POD } from '#api/core/pod.ts';
import { controllerOf } from '#api/meta/object.ts';
import { jobController } from '#controllers/job.ts';
import { serviceAccountController } from '#controllers/serviceaccount.ts';
import { TestCluster } from '#kit/cluster.ts';
import { activePods, conditionsOf, endPod, eventsAbout, job, podsOf, readJob } from '#kit/jobs.ts';

const FINALIZER = 'batch.kubernetes.io/job-tracking';
const REACHED = 'CompletionsReached: Reached expected number of succeeded pods';

describe('a Job', () => {
  it('runs so many Pods at once until it has its completions', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(JOB, job({ completions: 3, parallelism: 2 }, { runMs: 5_000 }));
    await cluster.advance(3_000);
    const { status: running } = await readJob(cluster);
    assert.deepEqual([running?.active, running?.ready, running?.terminating], [2, 2, 0]);
    const [first] = await podsOf(cluster);
    assert.deepEqual(first?.metadata?.finalizers, [FINALIZER]);
    assert.equal(controllerOf(first!)?.name, 'work');
    await cluster.settle();
    const done = await readJob(cluster);
    assert.deepEqual(conditionsOf(done), [
      `SuccessCriteriaMet=True ${REACHED}`,
      `Complete=True ${REACHED}`,
    ]);
    const { succeeded, active, ready, failed, startTime, completionTime } = done.status ?? {};
    assert.deepEqual([succeeded, active, ready, failed], [3, undefined, 0, undefined]);
    assert.ok((completionTime ?? '') > (startTime ?? ''));
    assert.deepEqual(done.status?.uncountedTerminatedPods, {});
    const pods = await podsOf(cluster);
    assert.equal(pods.length, 3, 'they stay until the Job goes');
    assert.ok(pods.every(({ metadata }) => metadata?.finalizers === undefined));
    const events = await eventsAbout(cluster, 'Job');
    assert.equal(
      events.filter((text) => text.startsWith('Normal SuccessfulCreate: Created pod: work-'))
        .length,
      3,
    );
    assert.equal(events.at(-1), 'Normal Completed: Job completed');
    await cluster.stop();
  });

  it('without completions is done when one Pod succeeded and the others have ended', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    await cluster.create(JOB, job({ parallelism: 3 }));
    await cluster.settle();
    const [first, second, third] = await activePods(cluster);
    await endPod(cluster, first!, { exitCode: 0 });
    await cluster.settle();
    assert.equal((await podsOf(cluster)).length, 3, 'nothing is started any more');
    assert.deepEqual(conditionsOf(await readJob(cluster)), []);
    await endPod(cluster, second!, { exitCode: 1 });
    await endPod(cluster, third!, { exitCode: 0 });
    await cluster.settle();
    const { status } = await readJob(cluster);
    assert.deepEqual([status?.succeeded, status?.failed], [2, 1]);
    assert.equal(conditionsOf(await readJob(cluster)).at(-1), `Complete=True ${REACHED}`);
    await cluster.stop();
  });

  it('with no completions wanted is complete at once', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    await cluster.create(JOB, job({ completions: 0 }));
    await cluster.settle();
    assert.equal(conditionsOf(await readJob(cluster)).at(-1), `Complete=True ${REACHED}`);
    assert.deepEqual(await podsOf(cluster), []);
    await cluster.stop();
  });

  it('follows its parallelism, and Pods that it drops are no failures', async () => {
    const cluster = await TestCluster.start();
    const made = await cluster.create(JOB, job({ completions: 9, parallelism: 4 }));
    await cluster.settle();
    await cluster.patch(JOB, made, { spec: { parallelism: 1 } });
    await cluster.advance(100);
    assert.equal((await activePods(cluster)).length, 1, 'a change of the spec is acted on at once');
    await cluster.settle();
    const { status } = await readJob(cluster);
    assert.deepEqual([status?.active, status?.failed, status?.terminating], [1, undefined, 0]);
    await cluster.patch(JOB, made, { spec: { parallelism: 3 } });
    await cluster.settle();
    assert.equal((await activePods(cluster)).length, 3);
    await cluster.stop();
  });

  it('that is suspended has no Pods, and starts anew when it is resumed', async () => {
    const cluster = await TestCluster.start();
    const made = await cluster.create(JOB, job({ completions: 2, parallelism: 2, suspend: true }));
    await cluster.settle();
    const suspended = await readJob(cluster);
    assert.deepEqual(conditionsOf(suspended), ['Suspended=True JobSuspended: Job suspended']);
    assert.equal(suspended.status?.startTime, undefined);
    assert.deepEqual(await podsOf(cluster), []);
    await cluster.patch(JOB, made, { spec: { suspend: false } });
    await cluster.settle();
    const resumed = await readJob(cluster);
    assert.deepEqual(conditionsOf(resumed), ['Suspended=False JobResumed: Job resumed']);
    assert.ok(resumed.status?.startTime !== undefined);
    await cluster.patch(JOB, made, { spec: { suspend: true } });
    await cluster.settle();
    const again = await readJob(cluster);
    assert.deepEqual(
      [again.status?.startTime, again.status?.active, again.status?.failed],
      [undefined, undefined, undefined],
    );
    assert.deepEqual(await podsOf(cluster), []);
    const events = await eventsAbout(cluster, 'Job');
    assert.ok(events.includes('Normal Suspended: Job suspended'));
    assert.ok(events.includes('Normal Resumed: Job resumed'));
    await cluster.stop();
  });

  it('fails when it runs longer than its deadline, which stands still while it is suspended', async () => {
    const cluster = await TestCluster.start();
    const made = await cluster.create(JOB, job({ activeDeadlineSeconds: 60, suspend: true }));
    await cluster.advance(120_000);
    await cluster.patch(JOB, made, { spec: { suspend: false } });
    await cluster.advance(59_000);
    assert.equal((await activePods(cluster)).length, 1);
    await cluster.advance(2_000);
    await cluster.settle();
    const failed = await readJob(cluster);
    const why = 'DeadlineExceeded: Job was active longer than specified deadline';
    assert.deepEqual(conditionsOf(failed).slice(1), [
      `FailureTarget=True ${why}`,
      `Failed=True ${why}`,
    ]);
    assert.deepEqual([failed.status?.failed, failed.status?.active], [1, undefined]);
    assert.equal(failed.status?.completionTime, undefined);
    const [deleted, ended] = (await eventsAbout(cluster, 'Job')).slice(-2);
    assert.match(deleted ?? '', /^Normal SuccessfulDelete: Deleted pod: work-/);
    assert.equal(ended, `Warning ${why}`);
    await cluster.stop();
  });

  it('is marked as failed only when its last Pod has stopped', async () => {
    const cluster = await TestCluster.start({ delays: { stopMs: 20_000 } });
    await cluster.create(JOB, job({ activeDeadlineSeconds: 10 }));
    await cluster.advance(15_000);
    const ending = await readJob(cluster);
    assert.deepEqual(
      ending.status?.conditions?.map(({ type }) => type),
      ['FailureTarget'],
    );
    assert.equal(ending.status?.terminating, 1);
    await cluster.advance(20_000);
    const failed = await readJob(cluster);
    assert.equal(failed.status?.conditions?.at(-1)?.type, 'Failed');
    assert.equal(failed.status?.terminating, 0);
    await cluster.stop();
  });

  it('that another controller manages is not touched', async () => {
    const cluster = await TestCluster.start();
    await cluster.create(JOB, job({ managedBy: 'example.com/controller' }, { runMs: 1_000 }));
    await cluster.settle();
    assert.deepEqual(await podsOf(cluster), []);
    assert.deepEqual((await readJob(cluster)).status ?? {}, {});
    await cluster.stop();
  });

  it('adopts Pods that match, counts them, and releases those that no longer do', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    const labels = { app: 'work', mine: 'yes' };
    const template = job({}).spec!.template;
    const spec = {
      completions: 2,
      parallelism: 1,
      manualSelector: true,
      selector: { matchLabels: labels },
    };
    await cluster.create(POD, {
      metadata: { name: 'orphan', namespace: 'default', labels },
      spec: template.spec!,
    });
    const draft = job(spec);
    draft.spec!.template = { ...template, metadata: { labels } };
    await cluster.create(JOB, draft);
    await cluster.settle();
    const [orphan, ...others] = await podsOf(cluster);
    assert.deepEqual(others, []);
    assert.equal(controllerOf(orphan!)?.name, 'work');
    assert.deepEqual(orphan?.metadata?.finalizers, [FINALIZER]);
    await cluster.patch(POD, orphan!, { metadata: { labels: { mine: 'no' } } });
    await cluster.settle();
    const released = await cluster.get(POD, 'orphan', 'default');
    assert.equal(controllerOf(released), undefined);
    assert.equal(released.metadata?.finalizers, undefined);
    const mine = (await podsOf(cluster)).filter((pod) => controllerOf(pod) !== undefined);
    assert.equal(mine.length, 1, 'replaced');
    await cluster.stop();
  });

  it('takes up a Pod that comes to match later', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    const labels = { app: 'work', mine: 'yes' };
    const selector = { matchLabels: labels };
    const draft = job({ completions: 1, parallelism: 0, manualSelector: true, selector });
    draft.spec!.template = { ...draft.spec!.template, metadata: { labels } };
    await cluster.create(JOB, draft);
    await cluster.settle();
    const metadata = { name: 'late', namespace: 'default', labels };
    await cluster.create(POD, { metadata, spec: draft.spec!.template.spec! });
    await cluster.settle();
    assert.deepEqual(await podsOf(cluster), [], 'and deletes it: none may run');
    await cluster.stop();
  });

  it('that is gone leaves no finalizer behind, though nobody deletes its Pods', async () => {
    const controllers = [serviceAccountController, jobController];
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false, controllers });
    const made = await cluster.create(JOB, job({ parallelism: 2, completions: 2 }));
    await cluster.settle();
    await cluster.delete(JOB, made, { propagationPolicy: 'Background' });
    await cluster.settle();
    const pods = await podsOf(cluster);
    assert.deepEqual(
      pods.map(({ metadata }) => metadata?.finalizers),
      [undefined, undefined],
    );
    await cluster.stop();
  });

  it('that never was leaves no finalizer behind', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    const metadata = { name: 'stray', namespace: 'default', finalizers: [FINALIZER] };
    await cluster.create(POD, { metadata, spec: job({}).spec!.template.spec! });
    await cluster.settle();
    assert.equal((await cluster.get(POD, 'stray', 'default')).metadata?.finalizers, undefined);
    await cluster.stop();
  });

  it('leaves no finalizer behind, whichever way it is deleted', async () => {
    for (const propagationPolicy of ['Background', 'Foreground', 'Orphan'] as const) {
      const cluster = await TestCluster.start();
      const made = await cluster.create(JOB, job({ parallelism: 3, completions: 3 }));
      await cluster.settle();
      await cluster.delete(JOB, made, { propagationPolicy });
      await cluster.settle();
      await assert.rejects(readJob(cluster), { reason: 'NotFound' });
      const pods = await podsOf(cluster);
      assert.equal(pods.length, propagationPolicy === 'Orphan' ? 3 : 0, propagationPolicy);
      assert.ok(pods.every(({ metadata }) => metadata?.finalizers === undefined));
      await cluster.stop();
    }
  });
});
