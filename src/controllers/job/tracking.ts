/**
 * Counting Pods that have ended, each once (KEP-2307). Pure; the order of writes is what makes it
 * right:
 *
 *   uid into status.uncountedTerminatedPods ─▶ finalizer off the Pod ─▶ uid out, count up
 *
 * Whoever stops in between leaves a state from which the next pass goes on: a uid in the list whose
 * Pod has lost its finalizer is counted, one whose Pod still has it is not. Indexes need no list:
 * an index that succeeded twice is in the set once. Upstream: trackJobStatusAndRemoveFinalizers in
 * pkg/controller/job/job_controller.go, v1.36.
 */
import type { JobStatus } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { withoutZeros } from '../shared/counts.ts';
import { type Said, withCondition } from './conditions.ts';
import { judgeFailure } from './failure-policy.ts';
import { intervalsText, total } from './intervals.ts';
import type { Observed } from './observe.ts';
import { completionIndex, isPodFailed, isTracked, uidOf, validIndex } from './pods.ts';

/** Keeps the list of uids below about 20 kB, and one pass of a huge Job short. */
const UNCOUNTED_MAX = 500;

export interface Tracking {
  /** To be written first. */
  readonly status: JobStatus;
  /** Pods whose finalizer is then removed. */
  readonly release: readonly Pod[];
  /** By uid, those that have the finalizer now. */
  readonly tracked: ReadonlySet<string>;
  /** Failed or Complete, when nothing is left to count and no Pod is ending. */
  readonly last: Said | undefined;
  /** There are more Pods to count than one pass may. */
  readonly isCut: boolean;
  /** What the failure policy does about Pods that failed, one for each that a rule matches. */
  readonly actions: readonly string[];
}

/** `base`: the status with all that is not a count of ended Pods. */
export function track(observed: Observed, base: JobStatus, verdict: Said | undefined): Tracking {
  const { pods, removed, nowMs } = observed;
  const tracked = new Set(
    pods
      .map((pod) => (isTracked(pod) ? uidOf(pod) : ''))
      .filter((uid) => uid !== '' && !removed.has(uid)),
  );
  const cleaned = countReleased(base, tracked);
  const found = collect(observed, cleaned, { tracked, verdict });
  const uncountedTerminatedPods = uncounted(found);
  const conditions = withVerdict(cleaned, verdict, nowMs);
  return {
    status: {
      ...withIndexes(cleaned, observed),
      uncountedTerminatedPods,
      ...(conditions.length === 0 ? {} : { conditions: [...conditions] }),
    },
    release: found.release,
    tracked,
    last: lastCondition(verdict),
    isCut: found.isCut,
    actions: found.actions,
  };
}

/** Counts the uids of the list whose Pods have lost their finalizer, and takes them out of it. */
export function countReleased(status: JobStatus, tracked: ReadonlySet<string>): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const left = {
    succeeded: succeeded.filter((uid) => tracked.has(uid)),
    failed: failed.filter((uid) => tracked.has(uid)),
  };
  const { succeeded: _succeeded, failed: _failed, ...others } = status;
  return {
    ...others,
    ...withoutZeros({
      succeeded: (status.succeeded ?? 0) + succeeded.length - left.succeeded.length,
      failed: (status.failed ?? 0) + failed.length - left.failed.length,
    }),
    uncountedTerminatedPods: uncounted(left),
  };
}

function uncounted({ succeeded, failed }: Uncounted): Partial<Uncounted> {
  return {
    ...(succeeded.length === 0 ? {} : { succeeded }),
    ...(failed.length === 0 ? {} : { failed }),
  };
}

interface Uncounted {
  readonly succeeded: string[];
  readonly failed: string[];
}

interface Collected {
  readonly release: Pod[];
  readonly succeeded: string[];
  readonly failed: string[];
  /** Pods that stand for their index, which needs no list. */
  indexes: number;
  isCut: boolean;
  readonly actions: string[];
}

function collect(
  observed: Observed,
  status: JobStatus,
  facts: { readonly tracked: ReadonlySet<string>; readonly verdict: Said | undefined },
): Collected {
  const { job } = observed;
  const known = job.status?.uncountedTerminatedPods;
  const knownFailed = new Set(known?.failed);
  const knownSucceeded = new Set(known?.succeeded);
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const found: Collected = {
    release: [],
    succeeded: [...succeeded],
    failed: [...failed],
    indexes: 0,
    isCut: false,
    actions: [],
  };
  for (const pod of observed.pods) {
    const uid = uidOf(pod);
    if (!facts.tracked.has(uid) || !mayRelease(pod, observed, facts.verdict)) continue;
    found.release.push(pod);
    if (pod.status?.phase === 'Succeeded' && !knownFailed.has(uid)) {
      if (observed.indexes !== undefined) found.indexes++;
      else if (!knownSucceeded.has(uid)) found.succeeded.push(uid);
    } else if (!knownFailed.has(uid) && hasFailed(pod, observed, facts.verdict)) {
      const { action, counts } = judgeFailure(job.spec?.podFailurePolicy, pod);
      if (action !== undefined) found.actions.push(action);
      if (counts) found.failed.push(uid);
    }
    const size = found.indexes + found.succeeded.length + found.failed.length;
    if (size < UNCOUNTED_MAX) continue;
    found.isCut = true;
    break;
  }
  return found;
}

/** A Pod that waits for the replacement of its index keeps its finalizer until then. */
function mayRelease(pod: Pod, { job, indexes }: Observed, verdict: Said | undefined): boolean {
  const isEnding = verdict !== undefined || job.metadata?.deletionTimestamp !== undefined;
  if (isEnding || pod.status?.phase === 'Succeeded') return true;
  if (!isPodFailed(pod, job)) return false;
  const waiting = indexes?.waiting.get(completionIndex(pod) ?? -1);
  return waiting === undefined || uidOf(waiting) !== uidOf(pod);
}

/** When a Job fails, every Pod that has not succeeded has failed. */
function hasFailed(pod: Pod, { job, indexes }: Observed, verdict: Said | undefined): boolean {
  const jobFails = verdict !== undefined && verdict.type !== 'SuccessCriteriaMet';
  if (!isPodFailed(pod, job) && !jobFails) return false;
  return indexes === undefined || validIndex(pod, job) !== undefined;
}

function withIndexes(status: JobStatus, { indexes }: Observed): JobStatus {
  if (indexes === undefined) return status;
  const { succeeded: _succeeded, failedIndexes: _failedIndexes, ...others } = status;
  const { succeeded } = indexes;
  return {
    ...others,
    ...withoutZeros({ succeeded: total(succeeded) }),
    completedIndexes: intervalsText(succeeded),
    ...(indexes.failed === undefined ? {} : { failedIndexes: intervalsText(indexes.failed) }),
  };
}

function withVerdict(
  { conditions = [] }: JobStatus,
  verdict: Said | undefined,
  nowMs: number,
): readonly NonNullable<JobStatus['conditions']>[number][] {
  if (verdict === undefined || verdict.type === 'Failed') return conditions;
  return withCondition(conditions, { ...verdict, status: 'True' }, nowMs);
}

function lastCondition(verdict: Said | undefined): Said | undefined {
  if (verdict === undefined) return undefined;
  const { reason, message } = verdict;
  return { type: verdict.type === 'SuccessCriteriaMet' ? 'Complete' : 'Failed', reason, message };
}

/** The status of a Job that has ended; undefined: something is still to be counted or waited for. */
export function finishedStatus(
  status: JobStatus,
  { last, isCut }: Tracking,
  nowMs: number,
): JobStatus | undefined {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const left = succeeded.length + failed.length + (status.terminating ?? 0);
  if (last === undefined || isCut || left > 0) return undefined;
  const conditions = withCondition(status.conditions ?? [], { ...last, status: 'True' }, nowMs);
  return {
    ...status,
    conditions: [...conditions],
    ...(last.type === 'Complete' ? { completionTime: timeText(nowMs) } : {}),
  };
}
