/**
 * Jobs on a bad line: watches lag and break, writes fail, answers are lost, controllers restart.
 * Each Pod is counted once, whatever happens.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JOB } from '#api/batch/job.ts';
import type { CompletionMode, Job } from '#api/gen/batch-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { NO_FAULTS } from '#kit/faults.ts';
import { job, podsOf, readJob } from '#kit/jobs.ts';

const BAD_LINE = {
  ...NO_FAULTS,
  latencyMsMax: 200,
  writeFailureRatio: 0.1,
  lostAnswerRatio: 0.1,
  watchDelayMsMax: 3_000,
  watchBreakRatio: 0.02,
};

/**
 * Runs a Job of 8 completions until nothing happens: to its end, or to a long back-off when its Pods
 * fail. Answers it and how many Pods ended in which phase.
 */
async function runBadly(
  seed: number,
  completionMode: CompletionMode,
  exitCode = 0,
): Promise<{ readonly done: Job; readonly phases: Record<string, number> }> {
  const cluster = await TestCluster.start({ seed });
  const spec = { completions: 8, parallelism: 3, backoffLimit: 100, completionMode };
  cluster.faults = BAD_LINE;
  await cluster.create(JOB, job(spec, { runMs: 2_000, exitCode }));
  for (let step = 0; step < 60; step++) {
    await cluster.advance(2_000);
    if (step % 7 === 3) await cluster.startComponents();
    const { status } = await readJob(cluster);
    const { succeeded: succeededUids = [] } = status?.uncountedTerminatedPods ?? {};
    const succeeded = (status?.succeeded ?? 0) + succeededUids.length;
    const ended = (await podsOf(cluster)).filter((pod) => pod.status?.phase === 'Succeeded');
    assert.ok(
      succeeded <= ended.length,
      `seed ${seed}: ${succeeded} counted, ${ended.length} ended`,
    );
  }
  cluster.faults = NO_FAULTS;
  // A node whose watch broke again and again waits long before it looks.
  await cluster.advance(60_000);
  await cluster.settle();
  const done = await readJob(cluster);
  const pods = await podsOf(cluster);
  assert.ok(pods.every(({ metadata }) => metadata?.finalizers === undefined));
  const phases: Record<string, number> = {};
  for (const { status } of pods)
    phases[status?.phase ?? ''] = (phases[status?.phase ?? ''] ?? 0) + 1;
  await cluster.stop();
  return { done, phases };
}

describe('a Job on a bad line', () => {
  for (let seed = 1; seed <= 4; seed++) {
    it(`counts each Pod once (seed ${seed})`, async () => {
      const { done, phases } = await runBadly(seed, 'NonIndexed');
      assert.equal(done.status?.conditions?.at(-1)?.type, 'Complete');
      assert.equal(done.status?.succeeded, phases['Succeeded']);
      assert.equal(done.status?.failed, phases['Failed']);
      assert.ok((done.status?.succeeded ?? 0) >= 8);
      assert.deepEqual(done.status?.uncountedTerminatedPods, {});
    });
  }

  for (let seed = 11; seed <= 13; seed++) {
    it(`counts each Pod that failed once (seed ${seed})`, async () => {
      const { done, phases } = await runBadly(seed, 'NonIndexed', 1);
      assert.ok((phases['Failed'] ?? 0) >= 6, 'three at a time, and again');
      assert.equal(done.status?.failed, phases['Failed']);
      assert.deepEqual(done.status?.uncountedTerminatedPods, {});
    });
  }

  it('completes each index once', async () => {
    const { done } = await runBadly(9, 'Indexed');
    assert.deepEqual([done.status?.completedIndexes, done.status?.succeeded], ['0-7', 8]);
    assert.equal(done.status?.conditions?.at(-1)?.type, 'Complete');
  });
});
