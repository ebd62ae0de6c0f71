/**
 * What a Job asks of one of its Pods: is it counted yet, has it failed, which index is it of, when
 * did it end.
 *
 * Upstream: pkg/controller/job/{tracking_utils,indexed_job_utils,backoff_utils}.go, v1.36.
 */
import { isSidecar, podCondition } from '#api/core/pod-helpers.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import type { ContainerStatus, Pod } from '#api/gen/core-v1.ts';
import { replacesOnlyEnded } from './questions.ts';

/** A Pod that has it has not been counted in its Job's status for good (KEP-2307). */
export const TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking';
/** Annotation and label of an indexed Job's Pod. */
export const INDEX = 'batch.kubernetes.io/job-completion-index';
/** How many Pods of its index failed before it: those that count, and those that were ignored. */
export const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count';
export const INDEX_IGNORED_FAILURES = 'batch.kubernetes.io/job-index-ignored-failure-count';

const INT32_MAX = 2 ** 31 - 1;

export const uidOf = (pod: Pod): string => pod.metadata?.uid ?? '';

export function isTracked(pod: Pod): boolean {
  return pod.metadata?.finalizers?.includes(TRACKING_FINALIZER) === true;
}

/**
 * Failed, or being deleted and not succeeded: a Pod of a node that is gone never gets to the end.
 * A Job that replaces only ended Pods waits for the end.
 */
export function isPodFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (replacesOnlyEnded(job)) return false;
  return pod.metadata?.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded';
}

/** The Pod's index; undefined when it has none or one that cannot be read. */
export function completionIndex(pod: Pod): number | undefined {
  const text = pod.metadata?.annotations?.[INDEX] ?? '';
  return /^\+?\d+$/.test(text) ? Number(text) : undefined;
}

/** The Pod's index when it is below the Job's completions. */
export function validIndex(pod: Pod, { spec }: Job): number | undefined {
  const index = completionIndex(pod);
  return index !== undefined && index < (spec?.completions ?? 0) ? index : undefined;
}

/** Failures of its index before this Pod. */
export function earlierFailures(pod: Pod): { readonly counted: number; readonly ignored: number } {
  return { counted: count(pod, INDEX_FAILURES), ignored: count(pod, INDEX_IGNORED_FAILURES) };
}

/** A count in an annotation; 0 when absent or malformed: users can write there too. */
function count(pod: Pod, annotation: string): number {
  const text = pod.metadata?.annotations?.[annotation] ?? '';
  const value = /^\+?\d+$/.test(text) ? Number(text) : 0;
  return value <= INT32_MAX ? value : 0;
}

/** When the Pod ended, in milliseconds; the best guess there is when nobody wrote it down. */
export function finishedMs(pod: Pod): number {
  const {
    deletionTimestamp,
    deletionGracePeriodSeconds = 0,
    creationTimestamp,
  } = pod.metadata ?? {};
  const ready = podCondition(pod, 'Ready');
  const notReadySince = ready?.status === 'False' ? ready.lastTransitionTime : undefined;
  const deletedMs =
    deletionTimestamp === undefined
      ? undefined
      : Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return (
    containersFinishedMs(pod) ??
    (notReadySince === undefined ? undefined : Date.parse(notReadySince)) ??
    deletedMs ??
    Date.parse(creationTimestamp ?? '')
  );
}

/** When the last container ended. Sidecars count: they outlive the others. */
function containersFinishedMs({ spec, status }: Pod): number | undefined {
  const sidecars = new Set((spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const inits = (status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name));
  const mainMs = latestEndMs(status?.containerStatuses ?? [], undefined);
  return latestEndMs(inits, mainMs);
}

/** The latest of `earlierMs` and these containers' ends; undefined when one has not ended. */
function latestEndMs(
  statuses: readonly ContainerStatus[],
  earlierMs: number | undefined,
): number | undefined {
  let latestMs = earlierMs;
  for (const { state } of statuses) {
    const endedMs = Date.parse(state?.terminated?.finishedAt ?? '');
    if (Number.isNaN(endedMs)) return undefined;
    latestMs = Math.max(latestMs ?? endedMs, endedMs);
  }
  return latestMs;
}
