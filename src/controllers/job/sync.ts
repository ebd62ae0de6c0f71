/**
 * One pass of a Job that goes on: observe ─▶ judge ─▶ plan ─▶ act ─▶ count and report.
 *
 * Upstream: syncJob in pkg/controller/job/job_controller.go, v1.36.
 */
import { JOB } from '#api/batch/job.ts';
import { POD } from '#api/core/pod.ts';
import { isPodReady } from '#api/core/pod-helpers.ts';
import type { Job, JobStatus } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { formatSelector, selectorOf } from '#api/meta/labels.ts';
import { controllerOf } from '#api/meta/object.ts';
import { timeText } from '#api/meta/time.ts';
import type { Informer } from '#client/informer.ts';
import { claim } from '#reconcile/claim.ts';
import type { Result } from '#reconcile/controller.ts';
import { withoutZeros } from '../shared/counts.ts';
import { withFinalizer } from '../shared/finalizers.ts';
import type { Writer } from '../shared/pod-control.ts';
import { type Said, withCondition } from './conditions.ts';
import { COMPLETED, deadlineLeftMs, isComplete, judge } from './judge.ts';
import type { JobMemory } from './memory.ts';
import type { JobMetrics, SyncNote } from './metrics.ts';
import { observe, type Observed } from './observe.ts';
import { type Plan, planPods } from './plan.ts';
import { createPods, deletePods, discardPods, type Outcome } from './pod-writes.ts';
import { isTracked, TRACKING_FINALIZER, uidOf } from './pods.ts';
import { isSuspended } from './questions.ts';
import { report } from './report.ts';

/** Pods change in droves: what they wake waits so long, and one pass sees them all. */
export const BATCH_MS = 1_000;

export interface SyncParts extends Writer {
  readonly pods: Informer<Pod>;
  readonly memory: JobMemory;
  readonly metrics: JobMetrics;
  readonly note: SyncNote;
  readonly nowMs: number;
}

export async function syncJob(job: Job, parts: SyncParts): Promise<Result> {
  const { memory, nowMs } = parts;
  const pods = await podsOf(job, parts);
  memory.isUnsure = true;
  const tracked = new Set(pods.filter(isTracked).map(uidOf));
  memory.removed = memory.removed.intersection(tracked);
  const observed = observe({ job, pods, removed: memory.removed, backoff: memory.backoff, nowMs });
  const verdict = judge(observed);
  const acted =
    verdict === undefined ? await goOn(observed, parts) : await wrapUp(observed, verdict, parts);
  await report(observed, { base: statusAfter(observed, acted), verdict: acted.verdict }, parts);
  if (acted.failure !== undefined) throw acted.failure;
  memory.isUnsure = false;
  return wakeUp(observed, acted);
}

/** The Job's Pods, adopted ones among them. */
async function podsOf(job: Job, { client, pods, memory }: SyncParts): Promise<readonly Pod[]> {
  const selector = selectorOf(job.spec?.selector);
  const options = { finalizers: [TRACKING_FINALIZER] };
  const parts = { client, informer: pods, owner: job, ownerType: JOB, selector, options };
  const claimed = await claim<Pod, Job>(parts);
  const { namespace = '', uid } = job.metadata ?? {};
  if (selector === undefined || isCurrent(job, pods.resourceVersion, memory))
    return claimed.map((pod) => asTracked(pod, uid));
  const labelSelector = formatSelector(selector);
  const { items, resourceVersion } = await client.list(POD, { namespace, labelSelector });
  memory.podsRevision = Number(resourceVersion);
  return items.filter((pod) => controllerOf(pod)?.uid === uid);
}

/**
 * Whether a cache of Pods of this revision shows all that the Job's status speaks of. It need not
 * when another process wrote the status, or when this one got no answer.
 */
function isCurrent({ metadata, status }: Job, podsRevision: number, memory: JobMemory): boolean {
  const { resourceVersion = '' } = metadata ?? {};
  if (memory.isUnsure || podsRevision < memory.podsRevision) return false;
  const isOurs = memory.writtenRevision === resourceVersion || equalValues(status, {});
  return isOurs || podsRevision >= Number(resourceVersion);
}

/** A Pod that has just been adopted has got the finalizer with its owner. */
function asTracked(pod: Pod, uid: string | undefined): Pod {
  if (controllerOf(pod)?.uid === uid) return pod;
  return withFinalizer(pod, TRACKING_FINALIZER) ?? pod;
}

/** How things stand after the writes to Pods. */
interface Acted {
  readonly active: number;
  readonly ready: number;
  readonly terminating: number;
  /** What may be declared now. */
  readonly verdict: Said | undefined;
  /** Whether this pass looked after the number of Pods: only then is suspension reported. */
  readonly isManaged: boolean;
  readonly failure: Error | undefined;
  readonly waitMs: number | undefined;
}

const UNCHANGED = { isManaged: false, failure: undefined, waitMs: undefined };

function afterDeletes(
  { active, ready, terminating }: Observed,
  { done }: Outcome,
): Pick<Acted, 'active' | 'ready' | 'terminating'> {
  return {
    active: active.length - done.length,
    ready: ready - done.filter(isPodReady).length,
    terminating: terminating + done.length,
  };
}

/** The Job ends: what runs is stopped. Nothing is declared until all of it is. */
async function wrapUp(observed: Observed, verdict: Said, writer: Writer): Promise<Acted> {
  const outcome = await deletePods(observed.active, observed.job, writer);
  const after = afterDeletes(observed, outcome);
  const declared = after.active === 0 ? verdict : undefined;
  return { ...UNCHANGED, ...after, verdict: declared, failure: outcome.failure };
}

async function goOn(observed: Observed, parts: SyncParts): Promise<Acted> {
  const isGoing = observed.job.metadata?.deletionTimestamp !== undefined;
  const managed = isGoing ? unmanaged(observed) : await manage(observed, parts);
  const verdict = isComplete(observed, managed.active) ? COMPLETED : undefined;
  return { ...managed, verdict };
}

function unmanaged({ active, ready, terminating }: Observed): Acted {
  return { ...UNCHANGED, active: active.length, ready, terminating, verdict: undefined };
}

async function manage(observed: Observed, parts: SyncParts): Promise<Acted> {
  const { job, indexes } = observed;
  const before = { ...unmanaged(observed), isManaged: true };
  const plan = planPods(observed);
  const { deletes, creates, waitMs } = plan;
  parts.note.action = actionOf(job, plan);
  if (deletes.length > 0) {
    const outcome = await discardPods(deletes, job, parts);
    return { ...before, ...afterDeletes(observed, outcome), failure: outcome.failure };
  }
  const waiting = indexes?.waiting ?? new Map();
  const outcome = await createPods(creates, job, { writer: parts, waiting });
  parts.metrics.podsCreated(observed, outcome);
  const { created, failure } = outcome;
  return { ...before, active: before.active + created, failure, waitMs };
}

/** As it is counted: a suspended Job deletes, a Job in its back-off creates. */
function actionOf(job: Job, { deletes, creates, waitMs }: Plan): SyncNote['action'] {
  if (isSuspended(job) || deletes.length > 0) return 'pods_deleted';
  return creates.length > 0 || waitMs !== undefined ? 'pods_created' : 'tracking';
}

/** The status but for the counts of Pods that have ended. */
function statusAfter({ job, startTime, nowMs }: Observed, acted: Acted): JobStatus {
  const { active: _active, startTime: _startTime, ...others } = job.status ?? {};
  const conditions = others.conditions ?? [];
  const next = acted.isManaged && acted.verdict === undefined ? suspension(job) : undefined;
  const changed = next === undefined ? conditions : withCondition(conditions, next, nowMs);
  // A Job that is resumed starts again; one that is suspended has no start.
  const isFlipped = changed !== conditions;
  const started = isFlipped ? (isSuspended(job) ? undefined : timeText(nowMs)) : startTime;
  return {
    ...others,
    ...(started === undefined ? {} : { startTime: started }),
    ...withoutZeros({ active: acted.active }),
    ready: acted.ready,
    terminating: acted.terminating,
    ...(changed.length === 0 ? {} : { conditions: [...changed] }),
  };
}

function suspension(job: Job): Said & { readonly status: 'True' | 'False' } {
  return isSuspended(job)
    ? { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }
    : { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' };
}

/** When nothing that happens will wake the Job: the end of a back-off, and of its deadline. */
function wakeUp(observed: Observed, { waitMs, verdict }: Acted): Result {
  const leftMs = verdict === undefined ? deadlineLeftMs(observed) : undefined;
  const backoffMs = waitMs === undefined ? undefined : Math.max(waitMs, BATCH_MS);
  const nextMs = Math.min(leftMs ?? Infinity, backoffMs ?? Infinity);
  return nextMs === Infinity ? {} : { requeueAfterMs: nextMs };
}
