/**
 * Whether a Job has come to its end, and why. Pure.
 *
 * A verdict is first written as FailureTarget or SuccessCriteriaMet; Failed or Complete follows
 * when the last Pod has ended and is counted. Upstream: syncJob in
 * pkg/controller/job/job_controller.go, v1.36, whose order of questions this is.
 */
import type { Job } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Said } from './conditions.ts';
import { judgeFailure } from './failure-policy.ts';
import { total } from './intervals.ts';
import type { Observed } from './observe.ts';
import { isPodFailed } from './pods.ts';
import { isSuspended, limitsOf, trueCondition } from './questions.ts';
import { metSuccessRule } from './success-policy.ts';

export const COMPLETED: Said = {
  type: 'SuccessCriteriaMet',
  reason: 'CompletionsReached',
  message: 'Reached expected number of succeeded pods',
};

/**
 * FailureTarget or SuccessCriteriaMet, to be written when the status does not have it; Failed when
 * FailureTarget is there already. Undefined: the Job goes on, unless its completions are reached.
 */
export function judge(observed: Observed): Said | undefined {
  const { job, pods } = observed;
  const met = trueCondition(job, 'SuccessCriteriaMet');
  if (met !== undefined) return said('SuccessCriteriaMet', met.reason, met.message);
  const target = trueCondition(job, 'FailureTarget');
  if (target !== undefined) return said('Failed', target.reason, target.message);
  const policy = policyFailure(job, pods);
  if (policy !== undefined) return said('FailureTarget', 'PodFailurePolicy', policy);
  return overLimit(observed) ?? judgeIndexes(observed);
}

function said(type: string, reason = '', message = ''): Said {
  return { type, reason, message };
}

function policyFailure(job: Job, pods: readonly Pod[]): string | undefined {
  const policy = job.spec?.podFailurePolicy;
  if (policy === undefined) return undefined;
  for (const pod of pods) {
    const why = isPodFailed(pod, job) ? judgeFailure(policy, pod).failJob : undefined;
    if (why !== undefined) return why;
  }
  return undefined;
}

function overLimit(observed: Observed): Said | undefined {
  const { job, pods, failed } = observed;
  if (failed > limitsOf(job).backoffLimit || restartsExceedLimit(job, pods)) {
    const message = 'Job has reached the specified backoff limit';
    return said('FailureTarget', 'BackoffLimitExceeded', message);
  }
  const leftMs = deadlineLeftMs(observed);
  if (leftMs === undefined || leftMs > 0) return undefined;
  const message = 'Job was active longer than specified deadline';
  return said('FailureTarget', 'DeadlineExceeded', message);
}

/** Containers that are started again in their Pod count as failures too. */
function restartsExceedLimit(job: Job, pods: readonly Pod[]): boolean {
  if (job.spec?.template.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    for (const { restartCount } of statuses) restarts += restartCount;
  }
  const { backoffLimit } = limitsOf(job);
  return backoffLimit === 0 ? restarts > 0 : restarts >= backoffLimit;
}

/** Milliseconds until `activeDeadlineSeconds` is over; undefined: no deadline runs. */
export function deadlineLeftMs({ job, startTime, nowMs }: Observed): number | undefined {
  const seconds = job.spec?.activeDeadlineSeconds;
  if (seconds === undefined || startTime === undefined || isSuspended(job)) return undefined;
  return Date.parse(startTime) + seconds * 1000 - nowMs;
}

function judgeIndexes({ job, indexes }: Observed): Said | undefined {
  if (indexes === undefined) return undefined;
  const { completions = 0 } = limitsOf(job);
  const failed = total(indexes.failed ?? []);
  const { maxFailedIndexes, successPolicy } = job.spec ?? {};
  if (indexes.failed !== undefined && maxFailedIndexes !== undefined && failed > maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes';
    return said('FailureTarget', 'MaxFailedIndexesExceeded', message);
  }
  if (failed > 0 && failed + total(indexes.succeeded) >= completions)
    return said('FailureTarget', 'FailedIndexes', 'Job has failed indexes');
  const met = metSuccessRule(successPolicy, completions, indexes.succeeded);
  return met === undefined ? undefined : said('SuccessCriteriaMet', 'SuccessPolicy', met);
}

/** Whether all is done that was asked for; `active`: Pods that run after this pass's writes. */
export function isComplete({ job, succeeded }: Observed, active: number): boolean {
  const { completions } = limitsOf(job);
  return active === 0 && (completions === undefined ? succeeded > 0 : succeeded >= completions);
}
