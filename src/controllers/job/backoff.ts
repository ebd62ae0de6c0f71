/**
 * How long a Job waits before it replaces a failed Pod: 10 s after the first failure since the last
 * success, twice as long after each further one, at most 10 minutes.
 *
 * Upstream: pkg/controller/job/backoff_utils.go, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { earlierFailures, finishedMs } from './pods.ts';

const BACKOFF_FIRST_MS = 10_000;
const BACKOFF_MS_MAX = 600_000;

/** Failures in a row. It lives in memory alone: a new process starts without. */
export interface Backoff {
  readonly failures: number;
  readonly lastFailureMs: number;
}

export const NO_BACKOFF: Backoff = { failures: 0, lastFailureMs: 0 };

/** `backoff` after these Pods, which have ended since: a success starts it anew. */
export function nextBackoff(
  backoff: Backoff,
  { succeeded, failed }: { readonly succeeded: readonly Pod[]; readonly failed: readonly Pod[] },
): Backoff {
  const failedMs = failed.map(finishedMs);
  const lastFailureMs = Math.max(...failedMs);
  if (succeeded.length === 0) {
    if (failed.length === 0) return backoff;
    return { failures: backoff.failures + failed.length, lastFailureMs };
  }
  const lastSuccessMs = Math.max(...succeeded.map(finishedMs));
  const since = failedMs.filter((ms) => ms > lastSuccessMs).length;
  return since === 0 ? NO_BACKOFF : { failures: since, lastFailureMs };
}

/** Milliseconds until a Pod may be created; 0: now. */
export function remainingMs({ failures, lastFailureMs }: Backoff, nowMs: number): number {
  if (failures === 0) return 0;
  const backoffMs = Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_MS_MAX);
  return Math.max(0, backoffMs - (nowMs - lastFailureMs));
}

/** The same for one index, whose last failed Pod knows how many failed before it. */
export function remainingOfIndexMs(lastFailed: Pod | undefined, nowMs: number): number {
  if (lastFailed === undefined) return 0;
  const { counted, ignored } = earlierFailures(lastFailed);
  const backoff = { failures: counted + ignored + 1, lastFailureMs: finishedMs(lastFailed) };
  return remainingMs(backoff, nowMs);
}
