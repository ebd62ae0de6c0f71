/**
 * TTL after finished: deletes Jobs `ttlSecondsAfterFinished` after their end, with their Pods.
 *
 * Upstream: pkg/controller/ttlafterfinished, v1.36 (KEP-592).
 */
import { JOB } from '#api/batch/job.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { alpha, exponentialBuckets, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import { defineController, type Result } from '#reconcile/controller.ts';

const DELETION_SECONDS = alpha(
  'ttl_after_finished_controller_job_deletion_duration_seconds',
  'How long after its time to live a Job was deleted.',
);
const SECONDS_BUCKETS = exponentialBuckets(0.1, 2, 14);

const deletionSeconds = (registry: MetricRegistry): Histogram =>
  registry.histogram(DELETION_SECONDS, SECONDS_BUCKETS);

export const ttlAfterFinishedController = defineController<Job>({
  name: 'ttl-after-finished-controller',
  queue: 'ttl_jobs_to_delete',
  for: JOB,
  metrics: deletionSeconds,
  reconcile: async (job, context): Promise<Result> => {
    const leftMs = msLeft(job, context.now());
    if (leftMs === undefined) return {};
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    // The cache may be behind a user who has just given it more time.
    const live = await getLive(job, context.client);
    const liveLeftMs = live === undefined ? undefined : msLeft(live, context.now());
    if (live === undefined || liveLeftMs === undefined) return {};
    if (liveLeftMs > 0) return { requeueAfterMs: liveLeftMs };
    await deleteExactly(live, context.client);
    const lateMs = -(msLeft(live, context.now()) ?? 0);
    deletionSeconds(context.metrics).observe([], lateMs / 1000);
    return {};
  },
});

/** Milliseconds until the Job may be deleted; undefined: it is not to be, or is being. */
export function msLeft({ metadata, spec, status }: Job, nowMs: number): number | undefined {
  const ttlSeconds = spec?.ttlSecondsAfterFinished;
  if (ttlSeconds === undefined || metadata?.deletionTimestamp !== undefined) return undefined;
  const end = status?.conditions?.find(
    ({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True',
  );
  const finishedMs = Date.parse(end?.lastTransitionTime ?? '');
  return Number.isNaN(finishedMs) ? undefined : finishedMs + ttlSeconds * 1000 - nowMs;
}

async function getLive(job: Job, client: Client): Promise<Job | undefined> {
  const { name = '', namespace } = job.metadata ?? {};
  try {
    return await client.get(JOB, name, namespace);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** This Job and no other of its name. */
async function deleteExactly(job: Job, client: Client): Promise<void> {
  const { name = '', namespace = '', uid = '' } = job.metadata ?? {};
  const options = { propagationPolicy: 'Foreground', preconditions: { uid } } as const;
  await client.delete(JOB, { name, namespace }, options);
}
