/**
 * Which Pods of a set to delete first: those whose loss costs least.
 *
 * Beyond upstream's order, a Pod that is ready but not yet available (minReadySeconds) goes before
 * one that is: otherwise a rollout could fall below what it promises. Times are compared by their logarithm, so that among Pods of about the same age the choice is
 * spread (by uid) and not always the youngest. Upstream: ActivePodsWithRanks in
 * pkg/controller/controller_utils.go, v1.36 (KEP-2185, KEP-2255).
 */
import {
  isPodActive,
  isPodAvailable,
  isPodReady,
  isSidecar,
  POD_DELETION_COST,
  readDeletionCost,
} from '#api/core/pod-helpers.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { readySinceMs } from './pods.ts';

const NANOSECONDS = 1_000_000;

const PHASE_ORDER: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

export interface RankingFacts {
  /**
   * All Pods that share nodes with them for the same purpose (all ReplicaSets of the same
   * Deployment): doubled-up Pods go first.
   */
  readonly related: readonly Pod[];
  readonly minReadySeconds: number;
  readonly nowMs: number;
}

/**
 * The plain order, for a set that knows no minReadySeconds and no costs: the least advanced first.
 * Upstream: ActivePods in pkg/controller/controller_utils.go, v1.36.
 */
export function byActivity(a: Pod, b: Pod): number {
  return (
    unassignedFirst(a, b) ||
    phaseOrder(a) - phaseOrder(b) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    (isPodReady(a) && isPodReady(b) ? youngerFirst(readySinceMs(a), readySinceMs(b)) : 0) ||
    restarts(b) - restarts(a) ||
    sidecarRestarts(b) - sidecarRestarts(a) ||
    youngerFirst(created(a), created(b))
  );
}

/** An unknown time counts as youngest. */
function youngerFirst(timeA: number | undefined, timeB: number | undefined): number {
  if (timeA === timeB) return 0;
  if (timeA === undefined) return -1;
  return timeB === undefined ? 1 : timeB - timeA;
}

/** `pods` in the order in which they should go. */
export function rankForDeletion(pods: readonly Pod[], facts: RankingFacts): Pod[] {
  const { related, minReadySeconds, nowMs } = facts;
  const available = (pod: Pod): number => Number(isPodAvailable(pod, minReadySeconds, nowMs));
  const onNode = new Map<string, number>();
  for (const pod of related) {
    if (!isPodActive(pod)) continue;
    const node = pod.spec?.nodeName ?? '';
    onNode.set(node, (onNode.get(node) ?? 0) + 1);
  }
  const rank = (pod: Pod): number => onNode.get(pod.spec?.nodeName ?? '') ?? 0;
  return pods.toSorted(
    (a, b) =>
      unassignedFirst(a, b) ||
      phaseOrder(a) - phaseOrder(b) ||
      Number(isPodReady(a)) - Number(isPodReady(b)) ||
      available(a) - available(b) ||
      deletionCost(a) - deletionCost(b) ||
      rank(b) - rank(a) ||
      byReadyTime(a, b, nowMs) ||
      restarts(b) - restarts(a) ||
      sidecarRestarts(b) - sidecarRestarts(a) ||
      byLogAge(created(a), created(b), { a, b, nowMs }),
  );
}

function unassignedFirst(a: Pod, b: Pod): number {
  const assigned = (pod: Pod): number => ((pod.spec?.nodeName ?? '') === '' ? 0 : 1);
  return assigned(a) - assigned(b);
}

function phaseOrder(pod: Pod): number {
  return PHASE_ORDER[pod.status?.phase ?? 'Pending'] ?? 0;
}

/** The annotation's value; 0 when absent or malformed. */
function deletionCost(pod: Pod): number {
  const text = pod.metadata?.annotations?.[POD_DELETION_COST];
  return text === undefined ? 0 : (readDeletionCost(text) ?? 0);
}

function byReadyTime(a: Pod, b: Pod, nowMs: number): number {
  const [sinceA, sinceB] = [readySinceMs(a), readySinceMs(b)];
  if (!isPodReady(a) || !isPodReady(b) || sinceA === sinceB) return 0;
  return byLogAge(sinceA, sinceB, { a, b, nowMs });
}

/** Younger first, by the order of magnitude of the age; an unknown time counts as youngest. */
function byLogAge(
  timeA: number | undefined,
  timeB: number | undefined,
  facts: { readonly a: Pod; readonly b: Pod; readonly nowMs: number },
): number {
  if (timeA === timeB) return 0;
  if (timeA === undefined) return -1;
  if (timeB === undefined) return 1;
  const difference = magnitude(facts.nowMs - timeA) - magnitude(facts.nowMs - timeB);
  if (difference !== 0) return difference;
  return (facts.a.metadata?.uid ?? '') < (facts.b.metadata?.uid ?? '') ? -1 : 1;
}

function magnitude(ageMs: number): number {
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * NANOSECONDS)) : -1;
}

function created(pod: Pod): number | undefined {
  const time = pod.metadata?.creationTimestamp;
  return time === undefined ? undefined : Date.parse(time);
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount));
}

function sidecarRestarts(pod: Pod): number {
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter(isSidecar).map((container) => container.name),
  );
  const counts = (pod.status?.initContainerStatuses ?? [])
    .filter((status) => sidecars.has(status.name))
    .map((status) => status.restartCount);
  return Math.max(0, ...counts);
}
