/**
 * What one pass sees of a Job: its Pods sorted by what they mean, and the numbers that follow. Pure.
 *
 * Upstream: syncJob, getNewFinishedPods and getPodsWithDelayedDeletionPerIndex in
 * pkg/controller/job, v1.36.
 */
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { isPodTerminating } from '../shared/pods.ts';
import { type Backoff, nextBackoff } from './backoff.ts';
import { judgeFailure } from './failure-policy.ts';
import { has, type Intervals, intervalsOf, merge, readIntervals, total } from './intervals.ts';
import {
  completionIndex,
  earlierFailures,
  finishedMs,
  isPodFailed,
  isTracked,
  uidOf,
  validIndex,
} from './pods.ts';
import { countsPerIndex, isIndexed, isSuspended, limitsOf } from './questions.ts';

/** What a pass starts from. */
export interface World {
  readonly job: Job;
  /** All Pods that the Job owns. */
  readonly pods: readonly Pod[];
  /** Pods (by uid) whose finalizer was removed, though the cache may still show it. */
  readonly removed: ReadonlySet<string>;
  /** As of the last pass. */
  readonly backoff: Backoff;
  readonly nowMs: number;
}

/** What an indexed Job knows of its indexes. */
export interface Indexes {
  /** As the status has them. */
  readonly before: Intervals;
  /** With those that have succeeded since. */
  readonly succeeded: Intervals;
  /** Undefined unless failures are counted for each index. */
  readonly failed: Intervals | undefined;
  /**
   * The last failed Pod of each index that waits for its replacement. It stays until then: the
   * replacement takes over its count of failures.
   */
  readonly waiting: ReadonlyMap<number, Pod>;
}

export interface Observed {
  readonly job: Job;
  readonly nowMs: number;
  /** Those of an indexed Job in the order of indexes. */
  readonly pods: readonly Pod[];
  readonly removed: ReadonlySet<string>;
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Undefined for a Job without indexes. */
  readonly indexes: Indexes | undefined;
  readonly backoff: Backoff;
  /** RFC 3339; a Job that was not started yet starts now. */
  readonly startTime: string | undefined;
}

export function observe({ job, pods, removed, backoff, nowMs }: World): Observed {
  const { status } = job;
  const uncounted = {
    succeeded: new Set(status?.uncountedTerminatedPods?.succeeded),
    failed: new Set(status?.uncountedTerminatedPods?.failed),
  };
  const counting = pods.filter((pod) => isTracked(pod) && !removed.has(uidOf(pod)));
  const valid = isIndexed(job)
    ? counting.filter((pod) => validIndex(pod, job) !== undefined)
    : counting;
  const newOnes = {
    succeeded: valid.filter(
      (pod) => pod.status?.phase === 'Succeeded' && !uncounted.succeeded.has(uidOf(pod)),
    ),
    failed: valid.filter((pod) => isPodFailed(pod, job) && !uncounted.failed.has(uidOf(pod))),
  };
  const counted = newOnes.failed.filter(
    (pod) => judgeFailure(job.spec?.podFailurePolicy, pod).counts,
  );
  const active = pods.filter(isPodActive);
  const indexes = isIndexed(job) ? indexesOf(job, { pods, valid, active }) : undefined;
  const succeeded = (status?.succeeded ?? 0) + newOnes.succeeded.length + uncounted.succeeded.size;
  return {
    job,
    nowMs,
    pods: indexes === undefined ? pods : pods.toSorted(byIndex),
    removed,
    active,
    ready: active.filter(isPodReady).length,
    terminating: pods.filter(isPodTerminating).length,
    succeeded: indexes === undefined ? succeeded : total(indexes.succeeded),
    failed: (status?.failed ?? 0) + counted.length + uncounted.failed.size,
    indexes,
    backoff: nextBackoff(backoff, newOnes),
    startTime: status?.startTime ?? (isSuspended(job) ? undefined : timeText(nowMs)),
  };
}

function byIndex(a: Pod, b: Pod): number {
  return (completionIndex(a) ?? -1) - (completionIndex(b) ?? -1);
}

interface SortedPods {
  readonly pods: readonly Pod[];
  /** Not counted yet, with an index that the Job has. */
  readonly valid: readonly Pod[];
  readonly active: readonly Pod[];
}

function indexesOf(job: Job, { pods, valid, active }: SortedPods): Indexes {
  const { completions = 0 } = limitsOf(job);
  const { completedIndexes = '', failedIndexes = '' } = job.status ?? {};
  const indexesWhere = (is: (pod: Pod) => boolean): Intervals =>
    intervalsOf(
      pods.filter((pod) => isTracked(pod) && is(pod)).flatMap((pod) => validIndex(pod, job) ?? []),
    );
  const before = readIntervals(completedIndexes, completions);
  const succeeded = merge(
    before,
    indexesWhere((pod) => pod.status?.phase === 'Succeeded'),
  );
  if (!countsPerIndex(job)) return { before, succeeded, failed: undefined, waiting: new Map() };
  const failed = merge(
    readIntervals(failedIndexes, completions),
    indexesWhere((pod) => failsIndex(pod, job)),
  );
  const settled = merge(merge(succeeded, failed), activeIndexes(active));
  const waiting = lastFailures(
    valid.filter((pod) => isPodFailed(pod, job) && !has(settled, completionIndex(pod) ?? -1)),
  );
  return { before, succeeded, failed, waiting };
}

/** The indexes of these Pods. */
export function activeIndexes(pods: readonly Pod[]): Intervals {
  return intervalsOf(pods.flatMap((pod) => completionIndex(pod) ?? []));
}

/** Whether this Pod's end is the end of its index. */
function failsIndex(pod: Pod, job: Job): boolean {
  if (!isPodFailed(pod, job)) return false;
  const { action, counts } = judgeFailure(job.spec?.podFailurePolicy, pod);
  if (action === 'FailIndex') return true;
  return counts && earlierFailures(pod).counted >= (job.spec?.backoffLimitPerIndex ?? 0);
}

/** Of each index the Pod that failed last, by the count that it carries and by time. */
function lastFailures(failed: readonly Pod[]): ReadonlyMap<number, Pod> {
  const last = new Map<number, Pod>();
  for (const pod of failed) {
    const index = completionIndex(pod) ?? -1;
    const known = last.get(index);
    const isLater =
      known === undefined ||
      (allFailures(known) <= allFailures(pod) && finishedMs(pod) >= finishedMs(known));
    if (isLater) last.set(index, pod);
  }
  return last;
}

function allFailures(pod: Pod): number {
  const { counted, ignored } = earlierFailures(pod);
  return counted + ignored;
}
