/**
 * Conditions of a Job, as lists that are made anew.
 *
 * Upstream: newCondition and ensureJobConditionStatus in pkg/controller/job/job_controller.go, v1.36.
 */
import type { JobCondition } from '#api/gen/batch-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { conditionOf } from './questions.ts';

/** What a condition says, without its times. */
export interface Said {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

export function newCondition(
  said: Said & { readonly status?: 'True' | 'False' },
  nowMs: number,
): JobCondition {
  const { type, reason, message, status = 'True' } = said;
  const now = timeText(nowMs);
  return { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message };
}

/**
 * The list with this condition; the same list when it says so already, or when it would be False
 * and never was there.
 */
export function withCondition(
  conditions: readonly JobCondition[],
  said: Said & { readonly status: 'True' | 'False' },
  nowMs: number,
): readonly JobCondition[] {
  const old = conditionOf(conditions, said.type);
  if (old === undefined)
    return said.status === 'False' ? conditions : [...conditions, newCondition(said, nowMs)];
  const { status, reason, message } = old;
  if (status === said.status && reason === said.reason && message === said.message)
    return conditions;
  return conditions.map((each) => (each === old ? newCondition(said, nowMs) : each));
}
