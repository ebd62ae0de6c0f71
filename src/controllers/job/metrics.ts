/**
 * What the Job controller counts.
 *
 * Upstream: pkg/controller/job/metrics/metrics.go and its callers, v1.36.
 */
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import type { Job, JobStatus } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Clock } from '#base/env.ts';
import {
  alpha,
  beta,
  type Counter,
  exponentialBuckets,
  type Histogram,
  type MetricRegistry,
  stable,
} from '#base/metrics.ts';
import type { Change } from '#client/informer.ts';
import { readIntervals, total } from './intervals.ts';
import type { Observed } from './observe.ts';
import { isTracked } from './pods.ts';
import { countsPerIndex, finishedCondition, isIndexed, limitsOf } from './questions.ts';

const SECONDS_BUCKETS = exponentialBuckets(0.004, 2, 15);
const MS_PER_SECOND = 1000;

const SYNC = ['completion_mode', 'result', 'action'];
const SYNC_SECONDS = stable(
  'job_controller_job_sync_duration_seconds',
  'How long passes of Jobs took.',
  ...SYNC,
);
const SYNCS = stable('job_controller_job_syncs_total', 'Passes of Jobs.', ...SYNC);
const FINISHED = stable(
  'job_controller_jobs_finished_total',
  'Jobs that came to an end.',
  'completion_mode',
  'result',
  'reason',
);
const ELSEWHERE = alpha(
  'job_controller_jobs_by_external_controller_total',
  'Jobs that another controller manages.',
  'controller_name',
);
const PODS_FINISHED = stable(
  'job_controller_job_pods_finished_total',
  'Pods that ended and have been counted for good.',
  'completion_mode',
  'result',
);
const POLICY_ACTIONS = beta(
  'job_controller_pod_failures_handled_by_failure_policy_total',
  'Failed Pods that a rule of the failure policy matched.',
  'action',
);
const TRACKED = beta(
  'job_controller_terminated_pods_tracking_finalizer_total',
  'Ended Pods that got ("add") or lost ("delete") their tracking finalizer.',
  'event',
);
const INDEXES = alpha(
  'job_controller_job_finished_indexes_total',
  'Indexes that succeeded or failed.',
  'status',
  'backoffLimit',
);
const CREATIONS = alpha(
  'job_controller_job_pods_creation_total',
  'Pods created, by why they were needed and how it went.',
  'reason',
  'status',
);

/** What a pass did. */
export interface SyncNote {
  action: 'reconciling' | 'tracking' | 'pods_created' | 'pods_deleted';
}

export class JobMetrics {
  readonly #syncSeconds: Histogram;
  readonly #syncs: Counter;
  readonly #finished: Counter;
  readonly #elsewhere: Counter;
  readonly #podsFinished: Counter;
  readonly #policyActions: Counter;
  readonly #tracked: Counter;
  readonly #indexes: Counter;
  readonly #creations: Counter;

  constructor(registry: MetricRegistry) {
    this.#syncSeconds = registry.histogram(SYNC_SECONDS, SECONDS_BUCKETS);
    this.#syncs = registry.counter(SYNCS);
    this.#finished = registry.counter(FINISHED);
    this.#elsewhere = registry.counter(ELSEWHERE);
    this.#podsFinished = registry.counter(PODS_FINISHED);
    this.#policyActions = registry.counter(POLICY_ACTIONS);
    this.#tracked = registry.counter(TRACKED);
    this.#indexes = registry.counter(INDEXES);
    this.#creations = registry.counter(CREATIONS);
  }

  /** Measures a pass; `work` notes what it does. */
  async sync<T>(job: Job, clock: Clock, work: (note: SyncNote) => Promise<T>): Promise<T> {
    const startMs = clock.monotonicMs();
    const note: SyncNote = { action: 'reconciling' };
    let result = 'error';
    try {
      const answer = await work(note);
      result = 'success';
      return answer;
    } finally {
      const labels = [modeOf(job), result, note.action];
      this.#syncSeconds.observe(labels, (clock.monotonicMs() - startMs) / MS_PER_SECOND);
      this.#syncs.add(labels);
    }
  }

  jobSeen({ type, object }: Change<Job>, isManagedElsewhere: boolean): void {
    if (type !== 'added' || !isManagedElsewhere) return;
    this.#elsewhere.add([object.spec?.managedBy ?? '']);
  }

  podSeen({ type, object, previous }: Change<Pod>): void {
    const was = isEndedAndTracked(previous);
    const is = type !== 'deleted' && isEndedAndTracked(object);
    if (was !== is) this.#tracked.add([is ? 'add' : 'delete']);
  }

  jobFinished(job: Job): void {
    const { type, reason = '' } = finishedCondition(job) ?? {};
    this.#finished.add([modeOf(job), type === 'Complete' ? 'succeeded' : 'failed', reason]);
  }

  /** The status of a Job was `before`, and has been written as it is now. */
  statusWritten(job: Job, before: JobStatus = {}): void {
    const { status: after = {} } = job;
    const succeeded = isIndexed(job)
      ? this.#indexesFinished(job, before)
      : (after.succeeded ?? 0) - (before.succeeded ?? 0);
    increase(this.#podsFinished, [modeOf(job), 'succeeded'], succeeded);
    const failed = (after.failed ?? 0) - (before.failed ?? 0);
    increase(this.#podsFinished, [modeOf(job), 'failed'], failed);
  }

  /** Answers how many have succeeded. Indexes that the Job does not have any more are none. */
  #indexesFinished(job: Job, before: JobStatus): number {
    const { completions = 0 } = limitsOf(job);
    const { status: after = {} } = job;
    const gain = (now: string | undefined, old: string | undefined): number =>
      total(readIntervals(now ?? '', completions)) - total(readIntervals(old ?? '', completions));
    const limit = countsPerIndex(job) ? 'perIndex' : 'global';
    const succeeded = gain(after.completedIndexes, before.completedIndexes);
    increase(this.#indexes, ['succeeded', limit], succeeded);
    if (countsPerIndex(job))
      increase(this.#indexes, ['failed', limit], gain(after.failedIndexes, before.failedIndexes));
    return succeeded;
  }

  /** Rules of the failure policy had these actions, one for each Pod. */
  failuresHandled(actions: readonly string[]): void {
    for (const action of actions) this.#policyActions.add([action]);
  }

  podsCreated(
    { job, failed, terminating }: Observed,
    outcome: { readonly created: number; readonly failed: number },
  ): void {
    const reason =
      job.spec?.podReplacementPolicy === 'Failed' && failed > 0
        ? 'recreate_failed'
        : failed > 0 || terminating > 0
          ? 'recreate_terminating_or_failed'
          : 'new';
    increase(this.#creations, [reason, 'succeeded'], outcome.created);
    increase(this.#creations, [reason, 'failed'], outcome.failed);
  }
}

function modeOf(job: Job): string {
  return isIndexed(job) ? 'Indexed' : 'NonIndexed';
}

function isEndedAndTracked(pod: Pod | undefined): boolean {
  return pod !== undefined && isPodTerminal(pod) && isTracked(pod);
}

/** Counters do not go down. */
function increase(counter: Counter, labels: readonly string[], by: number): void {
  if (by > 0) counter.add(labels, by);
}
