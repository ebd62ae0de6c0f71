/**
 * Which Pods a Job that goes on creates or deletes in one pass. Pure.
 *
 * Either or: deletions come first, and creations follow in the next pass. Upstream: manageJob in
 * pkg/controller/job/job_controller.go and indexed_job_utils.go, v1.36.
 */
import type { Job } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { isPodTerminating } from '../shared/pods.ts';
import { byActivity } from '../shared/pod-ranking.ts';
import { remainingMs, remainingOfIndexMs } from './backoff.ts';
import { type Intervals, merge } from './intervals.ts';
import { activeIndexes, type Indexes, type Observed } from './observe.ts';
import { completionIndex, isTracked } from './pods.ts';
import { countsPerIndex, isSuspended, limitsOf, replacesOnlyEnded } from './questions.ts';

/** Bounds one pass, so that one huge Job cannot starve the others. */
const WRITES_PER_PASS_MAX = 500;

export interface Plan {
  readonly deletes: readonly Pod[];
  /** One for each Pod to create: its index, or undefined for a Job without indexes. */
  readonly creates: readonly (number | undefined)[];
  /** Pods are missing, and may be created only then. */
  readonly waitMs?: number;
}

const NOTHING: Plan = { deletes: [], creates: [] };

export function planPods(observed: Observed): Plan {
  const { job, active } = observed;
  if (isSuspended(job)) return { deletes: active, creates: [] };
  const wanted = wantedActive(observed);
  const deletes = podsToRemove(observed, Math.max(0, active.length - wanted));
  if (deletes.length > 0) return { deletes: deletes.slice(0, WRITES_PER_PASS_MAX), creates: [] };
  const going = replacesOnlyEnded(job) ? observed.terminating : 0;
  const missing = wanted - going - active.length;
  return missing > 0 ? planCreates(observed, missing) : NOTHING;
}

function wantedActive({ job, active, succeeded }: Observed): number {
  const { parallelism, completions } = limitsOf(job);
  // Without completions the first success says that the work is done: the others finish theirs.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(parallelism, completions - succeeded));
}

/**
 * At least this many, and all that are of no use: a Pod that lost its finalizer on the way to its
 * deletion would never be counted.
 */
function podsToRemove({ job, active, indexes }: Observed, atLeast: number): readonly Pod[] {
  const lost = active.filter((pod) => !isTracked(pod));
  const others = indexes === undefined ? [] : uselessPods(job, active.filter(isTracked));
  return atLeastSo(active, [...lost, ...others], atLeast);
}

function atLeastSo(
  active: readonly Pod[],
  useless: readonly Pod[],
  atLeast: number,
): readonly Pod[] {
  if (useless.length >= atLeast) return useless;
  const others = new Set(useless);
  const left = active.filter((pod) => !others.has(pod)).sort(byActivity);
  return [...useless, ...left.slice(0, atLeast - useless.length)];
}

/** Pods without an index that the Job has, and all but the most advanced of one index. */
function uselessPods(job: Job, active: readonly Pod[]): Pod[] {
  const { completions = 0 } = limitsOf(job);
  const byIndex = Map.groupBy(active, (pod) => completionIndex(pod) ?? -1);
  const indexes = [...byIndex.keys()].sort((a, b) => a - b);
  return indexes.flatMap((index) => {
    const pods = byIndex.get(index) ?? [];
    if (index < 0 || index >= completions) return pods;
    return pods.toSorted(byActivity).slice(0, -1);
  });
}

function planCreates(observed: Observed, missing: number): Plan {
  const { job, indexes, backoff, nowMs } = observed;
  const waitMs = countsPerIndex(job) ? 0 : remainingMs(backoff, nowMs);
  if (waitMs > 0) return { ...NOTHING, waitMs };
  const count = Math.min(missing, WRITES_PER_PASS_MAX);
  if (indexes === undefined) return { ...NOTHING, creates: Array.from({ length: count }) };
  const pending = pendingIndexes(observed, indexes, count);
  return countsPerIndex(job)
    ? dueIndexes(pending, indexes, nowMs)
    : { ...NOTHING, creates: pending };
}

/** The lowest `count` indexes that have no Pod and need one. */
function pendingIndexes(
  { job, pods, active }: Observed,
  { succeeded, failed = [] }: Indexes,
  count: number,
): number[] {
  const { completions = 0 } = limitsOf(job);
  const ending = replacesOnlyEnded(job) ? activeIndexes(pods.filter(isPodTerminating)) : [];
  const taken: Intervals = [succeeded, activeIndexes(active), ending, failed].reduce(merge);
  const pending: number[] = [];
  let candidate = 0;
  for (const { first, last } of [...taken, { first: completions, last: completions }]) {
    const end = Math.min(first, completions);
    while (candidate < end && pending.length < count) pending.push(candidate++);
    candidate = Math.max(candidate, last + 1);
  }
  return pending;
}

/** Those whose back-off is over; when there is none, how long the first one must wait. */
function dueIndexes(pending: readonly number[], { waiting }: Indexes, nowMs: number): Plan {
  const waits = pending.map((index) => remainingOfIndexMs(waiting.get(index), nowMs));
  const due = pending.filter((_, i) => waits[i] === 0);
  if (due.length > 0 || waits.length === 0) return { ...NOTHING, creates: due };
  return { ...NOTHING, waitMs: Math.min(...waits) };
}
