/** What the Job controller counts, told by stories of Jobs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JOB } from '#api/batch/job.ts';
import type { JobSpec, PodFailurePolicyAction, PodFailurePolicyRule } from '#api/gen/batch-v1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { TestCluster } from '#kit/cluster.ts';
import { activePods, endPod, job } from '#kit/jobs.ts';
import { countsOf } from '#kit/metrics.ts';

const PREFIX = 'job_controller_';

interface Story {
  readonly it: string;
  readonly spec: Partial<JobSpec>;
  /** The exit codes of its Pods, one after the other. */
  readonly exits?: readonly number[];
  readonly counts: readonly string[];
}

const rule = (action: PodFailurePolicyAction): PodFailurePolicyRule => ({
  action,
  onExitCodes: { operator: 'In', values: [7] },
});

const STORIES: readonly Story[] = [
  {
    it: 'that completes',
    spec: { completions: 2, parallelism: 2 },
    exits: [0, 0],
    counts: [
      'job_pods_creation_total{reason="new",status="succeeded"} 2',
      'job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"} 2',
      'jobs_finished_total{completion_mode="NonIndexed",result="succeeded",reason="CompletionsReached"} 1',
      'terminated_pods_tracking_finalizer_total{event="add"} 2',
      'terminated_pods_tracking_finalizer_total{event="delete"} 2',
    ],
  },
  {
    it: 'that fails too often',
    spec: { backoffLimit: 1 },
    exits: [1, 1],
    counts: [
      'job_pods_creation_total{reason="new",status="succeeded"} 1',
      'job_pods_creation_total{reason="recreate_terminating_or_failed",status="succeeded"} 1',
      'job_pods_finished_total{completion_mode="NonIndexed",result="failed"} 2',
      'jobs_finished_total{completion_mode="NonIndexed",result="failed",reason="BackoffLimitExceeded"} 1',
      'terminated_pods_tracking_finalizer_total{event="add"} 2',
      'terminated_pods_tracking_finalizer_total{event="delete"} 2',
    ],
  },
  {
    it: 'whose failed Pods alone are replaced',
    spec: { podReplacementPolicy: 'Failed' },
    exits: [1, 0],
    counts: [
      'job_pods_creation_total{reason="new",status="succeeded"} 1',
      'job_pods_creation_total{reason="recreate_failed",status="succeeded"} 1',
      'job_pods_finished_total{completion_mode="NonIndexed",result="failed"} 1',
      'job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"} 1',
      'jobs_finished_total{completion_mode="NonIndexed",result="succeeded",reason="CompletionsReached"} 1',
      'terminated_pods_tracking_finalizer_total{event="add"} 2',
      'terminated_pods_tracking_finalizer_total{event="delete"} 2',
    ],
  },
  {
    it: 'whose failure policy ignores one failure and counts another',
    spec: { podFailurePolicy: { rules: [rule('Ignore')] }, backoffLimit: 0 },
    exits: [7, 1],
    counts: [
      'job_pods_creation_total{reason="new",status="succeeded"} 2',
      'job_pods_finished_total{completion_mode="NonIndexed",result="failed"} 1',
      'jobs_finished_total{completion_mode="NonIndexed",result="failed",reason="BackoffLimitExceeded"} 1',
      'pod_failures_handled_by_failure_policy_total{action="Ignore"} 1',
      'terminated_pods_tracking_finalizer_total{event="add"} 2',
      'terminated_pods_tracking_finalizer_total{event="delete"} 2',
    ],
  },
  {
    it: 'whose indexes have limits of their own',
    spec: {
      completionMode: 'Indexed',
      completions: 2,
      parallelism: 1,
      backoffLimitPerIndex: 0,
      podFailurePolicy: { rules: [rule('FailIndex')] },
    },
    exits: [7, 0],
    counts: [
      'job_finished_indexes_total{status="failed",backoffLimit="perIndex"} 1',
      'job_finished_indexes_total{status="succeeded",backoffLimit="perIndex"} 1',
      'job_pods_creation_total{reason="new",status="succeeded"} 1',
      'job_pods_creation_total{reason="recreate_failed",status="succeeded"} 1',
      'job_pods_finished_total{completion_mode="Indexed",result="failed"} 1',
      'job_pods_finished_total{completion_mode="Indexed",result="succeeded"} 1',
      'jobs_finished_total{completion_mode="Indexed",result="failed",reason="FailedIndexes"} 1',
      'pod_failures_handled_by_failure_policy_total{action="FailIndex"} 1',
      'terminated_pods_tracking_finalizer_total{event="add"} 2',
      'terminated_pods_tracking_finalizer_total{event="delete"} 2',
    ],
  },
  {
    it: 'with indexes',
    spec: { completionMode: 'Indexed', completions: 2, parallelism: 2 },
    exits: [0, 0],
    counts: [
      'job_finished_indexes_total{status="succeeded",backoffLimit="global"} 2',
      'job_pods_creation_total{reason="new",status="succeeded"} 2',
      'job_pods_finished_total{completion_mode="Indexed",result="succeeded"} 2',
      'jobs_finished_total{completion_mode="Indexed",result="succeeded",reason="CompletionsReached"} 1',
      'terminated_pods_tracking_finalizer_total{event="add"} 2',
      'terminated_pods_tracking_finalizer_total{event="delete"} 2',
    ],
  },
  {
    it: 'that another controller manages',
    spec: { managedBy: 'example.com/elsewhere' },
    counts: ['jobs_by_external_controller_total{controller_name="example.com/elsewhere"} 1'],
  },
];

/** Of passes, and of those put off: how many it takes is nobody's business. */
const isOfSync = (line: string): boolean => /^(job_sync|stale_sync)/.test(line);

describe('the Job controller counts what happens to a Job', () => {
  for (const story of STORIES)
    it(story.it, async () => {
      const metrics = new MetricRegistry();
      const cluster = await TestCluster.start({ nodes: 0, scheduler: false, metrics });
      await cluster.create(JOB, job(story.spec));
      await cluster.settle();
      for (const exitCode of story.exits ?? []) {
        const [pod] = await activePods(cluster);
        await endPod(cluster, pod!, { exitCode });
        await cluster.settle();
      }
      const counts = countsOf(metrics, PREFIX).filter((line) => !isOfSync(line));
      assert.deepEqual(counts, story.counts);
      await cluster.stop();
    });

  it('by what its passes did, and how they went', async () => {
    const metrics = new MetricRegistry();
    const cluster = await TestCluster.start({ nodes: 0, scheduler: false, metrics });
    const actions = (): Set<string> =>
      new Set(
        countsOf(metrics, `${PREFIX}job_syncs_total`).map((line) => line.replace(/ \d+$/, '')),
      );
    const action = (name: string): string =>
      `{completion_mode="NonIndexed",result="success",action="${name}"}`;
    const made = await cluster.create(JOB, job({ completions: 2, activeDeadlineSeconds: 600 }));
    await cluster.settle();
    const working = new Set([action('pods_created'), action('tracking')]);
    assert.deepEqual(actions(), working);
    await cluster.patch(JOB, made, { spec: { suspend: true } });
    await cluster.settle();
    assert.deepEqual(actions(), working.union(new Set([action('pods_deleted')])));
    await cluster.patch(JOB, made, { spec: { suspend: false } });
    await cluster.advance(700_000);
    const all = actions();
    assert.ok(all.has(action('reconciling')), 'it ends beyond its deadline');
    const passes = (name: string): string[] =>
      countsOf(metrics, PREFIX + name).map((line) => line.replace('_count', ''));
    assert.deepEqual(passes('job_sync_duration_seconds'), passes('job_syncs_total'));
    await cluster.stop();
  });
});
