/** Stories of Jobs whose Pods fail: back-off, limits, policies, replacement. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JOB } from '#api/batch/job.ts';
import { POD } from '#api/core/pod.ts';
import type { PodFailurePolicyRule } from '#api/gen/batch-v1.ts';
import { jobController } from '#controllers/job.ts';
import { serviceAccountController } from '#controllers/serviceaccount.ts';
import { TestCluster } from '#kit/cluster.ts';
import { activePods, conditionsOf, endPod, eventsAbout, job, podsOf, readJob } from '#kit/jobs.ts';

const LIMIT = 'BackoffLimitExceeded: Job has reached the specified backoff limit';

/** Waits in steps of 100 ms for the next active Pod; answers how long it took, in seconds. */
async function secondsUntilNext(cluster: TestCluster): Promise<number> {
  const startMs = cluster.environment.elapsedMs;
  for (let step = 0; step < 10_000; step++) {
    if ((await activePods(cluster)).length > 0) break;
    await cluster.advance(100);
  }
  return Math.round((cluster.environment.elapsedMs - startMs) / 1000);
}

describe('a Job whose Pods fail', () => {
  it('waits 10 s, then twice as long each time, and fails beyond its limit', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    await cluster.create(JOB, job({ backoffLimit: 3 }));
    await cluster.settle();
    const waits: number[] = [];
    for (let failure = 1; failure <= 3; failure++) {
      const [pod] = await activePods(cluster);
      await endPod(cluster, pod!, { exitCode: 1 });
      waits.push(await secondsUntilNext(cluster));
    }
    assert.deepEqual(waits, [10, 20, 40]);
    assert.equal((await readJob(cluster)).status?.failed, 3);
    const [pod] = await activePods(cluster);
    await endPod(cluster, pod!, { exitCode: 1 });
    await cluster.settle();
    const failed = await readJob(cluster);
    assert.deepEqual(conditionsOf(failed), [`FailureTarget=True ${LIMIT}`, `Failed=True ${LIMIT}`]);
    assert.equal(failed.status?.failed, 4);
    assert.equal((await eventsAbout(cluster, 'Job')).at(-1), `Warning ${LIMIT}`);
    await cluster.stop();
  });

  it('tells that its other Pods run while it waits', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    await cluster.create(JOB, job({ parallelism: 2, completions: 2 }));
    await cluster.settle();
    const [pod] = await activePods(cluster);
    await endPod(cluster, pod!, { exitCode: 1 });
    await cluster.advance(5_000);
    assert.equal((await readJob(cluster)).status?.active, 1);
    await cluster.stop();
  });

  it('starts again without waiting when one succeeded since', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    await cluster.create(JOB, job({ completions: 3 }));
    await cluster.settle();
    for (const exitCode of [1, 0]) {
      const [pod] = await activePods(cluster);
      await endPod(cluster, pod!, { exitCode });
      const waited = await secondsUntilNext(cluster);
      assert.equal(waited > 5, exitCode === 1, `${waited} s`);
    }
    await cluster.stop();
  });

  it('counts restarts of containers when they are started again in their Pod', async () => {
    const cluster = await TestCluster.start();
    const pod = { restartPolicy: 'OnFailure' } as const;
    await cluster.create(JOB, job({ backoffLimit: 2 }, { runMs: 1_000, exitCode: 1, pod }));
    await cluster.settle();
    assert.deepEqual(conditionsOf(await readJob(cluster)).at(-1), `Failed=True ${LIMIT}`);
    assert.deepEqual(await podsOf(cluster), [], 'the Pod that would go on is deleted');
    await cluster.stop();
  });

  it('replaces a Pod whose deletion has begun: it has failed', async () => {
    const cluster = await TestCluster.start({ delays: { stopMs: 25_000 } });
    await cluster.create(JOB, job({}));
    await cluster.settle();
    const [pod] = await activePods(cluster);
    await cluster.delete(POD, pod!);
    await cluster.advance(15_000);
    const { status } = await readJob(cluster);
    assert.deepEqual([status?.active, status?.terminating, status?.failed], [1, 1, 1]);
    await cluster.stop();
  });

  it('replaces it when it has stopped, if it says so', async () => {
    // Without the collector of Pods, which would call it failed at once.
    const controllers = [serviceAccountController, jobController];
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false, controllers });
    await cluster.create(JOB, job({ podReplacementPolicy: 'Failed' }));
    await cluster.settle();
    const [pod] = await activePods(cluster);
    await cluster.delete(POD, pod!);
    await cluster.advance(15_000);
    const { status } = await readJob(cluster);
    assert.deepEqual(
      [status?.active, status?.terminating, status?.failed],
      [undefined, 1, undefined],
    );
    await endPod(cluster, pod!, { exitCode: 1 });
    await cluster.settle(12_000);
    const { status: after } = await readJob(cluster);
    assert.deepEqual([after?.active, after?.terminating, after?.failed], [1, 0, 1]);
    await cluster.stop();
  });
});

describe('a Pod failure policy', () => {
  const onExitCodes = { operator: 'In', values: [42] } as const;
  const rule = (action: PodFailurePolicyRule['action']): PodFailurePolicyRule => ({
    action,
    onExitCodes: { ...onExitCodes, values: [...onExitCodes.values] },
  });

  it('fails the Job at once', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    const podFailurePolicy = { rules: [rule('FailJob')] };
    await cluster.create(JOB, job({ parallelism: 2, completions: 2, podFailurePolicy }));
    await cluster.settle();
    const [pod] = await activePods(cluster);
    await endPod(cluster, pod!, { exitCode: 42 });
    await cluster.settle();
    const why = `PodFailurePolicy: Container main for pod default/${pod?.metadata?.name} failed with exit code 42 matching FailJob rule at index 0`;
    assert.deepEqual(conditionsOf(await readJob(cluster)), [
      `FailureTarget=True ${why}`,
      `Failed=True ${why}`,
    ]);
    await cluster.stop();
  });

  it('looks only at the container that it names', async () => {
    for (const [containerName, ends] of [
      ['helper', []],
      ['main', ['FailureTarget', 'Failed']],
    ] as const) {
      const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
      const containers = ['main', 'helper'].map((name) => ({ name, image: 'work' }));
      const { onExitCodes: codes } = rule('FailJob');
      const rules = [{ action: 'FailJob' as const, onExitCodes: { ...codes!, containerName } }];
      await cluster.create(JOB, job({ podFailurePolicy: { rules } }, { pod: { containers } }));
      await cluster.settle();
      const [pod] = await activePods(cluster);
      await endPod(cluster, pod!, { exitCode: 42 });
      await cluster.settle();
      const { status } = await readJob(cluster);
      assert.equal(status?.failed, 1);
      assert.deepEqual(
        (status?.conditions ?? []).map(({ type }) => type),
        ends,
      );
      await cluster.stop();
    }
  });

  it('does not count what it ignores', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    const disrupted = { type: 'DisruptionTarget', status: 'True' };
    const podFailurePolicy = {
      rules: [{ action: 'Ignore', onPodConditions: [disrupted] } as PodFailurePolicyRule],
    };
    await cluster.create(JOB, job({ backoffLimit: 0, podFailurePolicy }));
    await cluster.settle();
    const [pod] = await activePods(cluster);
    await endPod(cluster, pod!, { exitCode: 1, condition: 'DisruptionTarget' });
    await cluster.settle();
    const { status } = await readJob(cluster);
    assert.deepEqual([status?.failed, status?.active], [undefined, 1], 'replaced, not counted');
    assert.equal(
      (await cluster.get(POD, pod!.metadata!.name!, 'default')).metadata?.finalizers,
      undefined,
    );
    await cluster.stop();
  });

  it('counts what it says to count, and what no rule matches', async () => {
    for (const exitCode of [42, 1]) {
      const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
      const podFailurePolicy = { rules: [rule('Count')] };
      await cluster.create(JOB, job({ backoffLimit: 0, podFailurePolicy }));
      await cluster.settle();
      const [pod] = await activePods(cluster);
      await endPod(cluster, pod!, { exitCode });
      await cluster.settle();
      assert.equal(conditionsOf(await readJob(cluster)).at(-1), `Failed=True ${LIMIT}`);
      await cluster.stop();
    }
  });
});

describe('a controller that has just started', () => {
  it('goes on counting where another stopped', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    await cluster.create(JOB, job({ parallelism: 4, completions: 4, backoffLimit: 9 }));
    await cluster.settle();
    for (const [i, pod] of (await activePods(cluster)).entries()) {
      await endPod(cluster, pod, { exitCode: i % 2 });
      if (i === 1) await cluster.startComponents();
    }
    await cluster.settle();
    const { status } = await readJob(cluster);
    assert.deepEqual([status?.succeeded, status?.failed, status?.active], [2, 2, 2]);
    await cluster.stop();
  });

  it('looks at the server when its cache may not show what was counted', async () => {
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false });
    await cluster.create(JOB, job({ parallelism: 2, completions: 6, backoffLimit: 9 }));
    await cluster.settle();
    // Another process counts a Pod while this one's watches lag.
    cluster.faults = { ...cluster.faults, watchDelayMsMax: 60_000 };
    const [pod] = await activePods(cluster);
    await endPod(cluster, pod!, { exitCode: 0 });
    const now = await readJob(cluster);
    const status = { ...now.status, active: 1, succeeded: 1 };
    await cluster.run(cluster.client.update(JOB, { ...now, status }, 'status'));
    await cluster.patch(POD, pod!, { metadata: { finalizers: null } });
    cluster.faults = { ...cluster.faults, watchDelayMsMax: 0 };
    await cluster.settle();
    assert.equal((await readJob(cluster)).status?.succeeded, 1);
    await cluster.stop();
  });
});
