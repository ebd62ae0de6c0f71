/**
 * What a PodDisruptionBudget's status says: how many of its Pods are healthy, how many must be, and
 * so how many may be evicted. Pure.
 *
 * Upstream: trySync, getExpectedPodCount, buildDisruptedPodMap and updatePdbStatus in
 * pkg/controller/disruption/disruption.go, v1.36.
 */
import { isPodReady } from '#api/core/pod-helpers.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Condition } from '#api/gen/meta-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/gen/policy-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { scaledValue } from '../shared/scaled-value.ts';

/** An evicted Pod that nobody has deleted by then will not be deleted. */
export const DELETION_TIMEOUT_MS = 120_000;
const ALLOWED = 'DisruptionAllowed';

/** Whether the budget asks how many Pods its Pods' controllers want, rather than how many there are. */
export function asksForScale({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string';
}

export interface Counted {
  readonly status: PodDisruptionBudgetStatus;
  /** Pods that were let go and are still there. */
  readonly notDeleted: readonly Pod[];
  /** When the next of those that were let go is given up, in milliseconds from now. */
  readonly recheckAfterMs: number | undefined;
}

/** `scale`: how many Pods the controllers of `pods` want; looked at when `asksForScale`. */
export function countDisruptions(
  budget: PodDisruptionBudget,
  world: { readonly pods: readonly Pod[]; readonly scale: number; readonly nowMs: number },
): Counted {
  const { pods, nowMs } = world;
  const letGo = stillLetGo(budget, pods, nowMs);
  const currentHealthy = pods.filter(
    (pod) =>
      !isDeleted(pod) &&
      letGo.disruptedPods[pod.metadata?.name ?? ''] === undefined &&
      isPodReady(pod),
  ).length;
  const { expectedPods, desiredHealthy } = desired(budget, world);
  // While there are no Pods nothing is allowed: the first may come before this is counted again.
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const counts = { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods };
  const { generation } = budget.metadata ?? {};
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const hasDisrupted = Object.keys(letGo.disruptedPods).length > 0;
  const conditions = withCondition(budget.status?.conditions ?? [], nowMs, {
    status: disruptionsAllowed > 0 ? 'True' : 'False',
    reason: disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    ...observed,
  });
  return {
    status: {
      ...observed,
      ...(hasDisrupted ? { disruptedPods: letGo.disruptedPods } : {}),
      ...counts,
      conditions,
    },
    notDeleted: letGo.notDeleted,
    recheckAfterMs: letGo.recheckAfterMs,
  };
}

/** The status of a budget that could not be counted: nothing is allowed, and it says why. */
export function failedStatus(
  { status }: PodDisruptionBudget,
  message: string,
  nowMs: number,
): PodDisruptionBudgetStatus {
  const { observedGeneration } = status ?? {};
  const conditions = withCondition(status?.conditions ?? [], nowMs, {
    status: 'False',
    reason: 'SyncFailed',
    message,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  });
  const none = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  return { ...none, ...status, disruptionsAllowed: 0, conditions };
}

function desired(
  { spec }: PodDisruptionBudget,
  { pods, scale }: { readonly pods: readonly Pod[]; readonly scale: number },
): { readonly expectedPods: number; readonly desiredHealthy: number } {
  const { maxUnavailable, minAvailable } = spec ?? {};
  if (maxUnavailable !== undefined) {
    const most = scaledValue(maxUnavailable, scale, 'up');
    return { expectedPods: scale, desiredHealthy: Math.max(0, scale - most) };
  }
  if (typeof minAvailable === 'number')
    return { expectedPods: pods.length, desiredHealthy: minAvailable };
  if (minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0 };
  return { expectedPods: scale, desiredHealthy: scaledValue(minAvailable, scale, 'up') };
}

/** Of the Pods that evictions were granted for, those that have not begun to go yet. */
function stillLetGo(
  { status }: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): {
  readonly disruptedPods: Record<string, string>;
  readonly notDeleted: readonly Pod[];
  readonly recheckAfterMs: number | undefined;
} {
  const disruptedPods: Record<string, string> = {};
  const notDeleted: Pod[] = [];
  let recheckAfterMs: number | undefined;
  for (const pod of pods) {
    const name = pod.metadata?.name ?? '';
    const since = status?.disruptedPods?.[name];
    if (since === undefined || isDeleted(pod)) continue;
    const leftMs = Date.parse(since) + DELETION_TIMEOUT_MS - nowMs;
    if (leftMs <= 0) notDeleted.push(pod);
    else {
      disruptedPods[name] = since;
      recheckAfterMs = Math.min(recheckAfterMs ?? Infinity, leftMs);
    }
  }
  return { disruptedPods, notDeleted, recheckAfterMs };
}

function isDeleted({ metadata }: Pod): boolean {
  return metadata?.deletionTimestamp !== undefined;
}

/** The transition is that of the status. */
function withCondition(
  conditions: readonly Condition[],
  nowMs: number,
  next: Omit<Condition, 'type' | 'lastTransitionTime'>,
): Condition[] {
  const old = conditions.find(({ type }) => type === ALLOWED);
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : timeText(nowMs);
  const made: Condition = { type: ALLOWED, ...next, lastTransitionTime };
  return old === undefined
    ? [...conditions, made]
    : conditions.map((each) => (each === old ? made : each));
}
