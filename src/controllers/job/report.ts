/**
 * The writes of a pass to the Job's status, around the removal of finalizers (`tracking.ts` says
 * why in this order), and the events about what changed.
 *
 * Upstream: trackJobStatusAndRemoveFinalizers, flushUncountedAndRemoveFinalizers and
 * recordJobFinished in pkg/controller/job/job_controller.go, v1.36.
 */
import { JOB } from '#api/batch/job.ts';
import type { Job, JobStatus } from '#api/gen/batch-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import type { Said } from './conditions.ts';
import type { Observed } from './observe.ts';
import { releasePods } from './pod-writes.ts';
import { uidOf } from './pods.ts';
import { conditionOf, finishedCondition } from './questions.ts';
import type { SyncParts } from './sync.ts';
import { countReleased, finishedStatus, track } from './tracking.ts';

export async function report(
  observed: Observed,
  { base, verdict }: { readonly base: JobStatus; readonly verdict: Said | undefined },
  parts: SyncParts,
): Promise<void> {
  const { memory, client, metrics, nowMs } = parts;
  const tracking = track(observed, base, verdict);
  let { job } = observed;
  if (!equalValues(tracking.status, job.status)) {
    job = await write(job, tracking.status, parts);
    memory.backoff = observed.backoff;
    tellSuspension(observed.job, job, parts);
  }
  for (const pod of tracking.release) memory.removed.add(uidOf(pod));
  const { done, failure } = await releasePods(tracking.release, client);
  metrics.failuresHandled(tracking.actions);
  const released = new Set(done.map(uidOf));
  for (const pod of tracking.release)
    if (!released.has(uidOf(pod))) memory.removed.delete(uidOf(pod));
  const counted = countReleased(tracking.status, tracking.tracked.difference(released));
  const finished = failure === undefined ? finishedStatus(counted, tracking, nowMs) : undefined;
  const last = finished ?? counted;
  if (!equalValues(last, tracking.status)) job = await write(job, last, parts);
  if (failure !== undefined) throw failure;
  if (finished === undefined) return;
  tellEnd(job, parts);
  metrics.jobFinished(job);
}

async function write(
  job: Job,
  status: JobStatus,
  { client, memory, metrics }: SyncParts,
): Promise<Job> {
  const written = await client.update(JOB, { ...job, status }, 'status');
  memory.writtenRevision = written.metadata?.resourceVersion;
  metrics.statusWritten(written, job.status);
  return written;
}

function tellSuspension(before: Job, after: Job, { events }: SyncParts): void {
  const condition = conditionOf(after.status?.conditions, 'Suspended');
  const old = conditionOf(before.status?.conditions, 'Suspended');
  if (condition === undefined || condition.status === old?.status) return;
  const reason = condition.status === 'True' ? 'Suspended' : 'Resumed';
  events.event({ about: after, type: 'Normal', reason, message: condition.message ?? '' });
}

function tellEnd(job: Job, { events }: SyncParts): void {
  const { type, reason = '', message = '' } = finishedCondition(job) ?? {};
  if (type === 'Failed') {
    events.event({ about: job, type: 'Warning', reason, message });
    return;
  }
  const { completions = Infinity } = job.spec ?? {};
  if ((job.status?.succeeded ?? 0) > completions) {
    const tooMany = 'Too many succeeded pods running after completion count reached';
    events.event({ about: job, type: 'Warning', reason: 'TooManySucceededPods', message: tooMany });
  }
  events.event({ about: job, type: 'Normal', reason: 'Completed', message: 'Job completed' });
}
