/**
 * Questions about pods that many components ask.
 *
 * Source: upstream pkg/api/v1/pod/util.go.
 */
import type { Container, Pod, PodCondition } from '#api/gen/core-v1.ts';

const NO_CONDITIONS: readonly PodCondition[] = [];

/** An init container that keeps running beside the others (KEP-753). */
export function isSidecar(container: Pick<Container, 'restartPolicy'> | undefined): boolean {
  return container?.restartPolicy === 'Always';
}

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  // A loop: each pass over the thousand Pods of an owner asks this several times of each.
  for (const condition of pod.status?.conditions ?? NO_CONDITIONS)
    if (condition.type === type) return condition;
  return undefined;
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

/** Ready, and has been for `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return false;
  if (minReadySeconds === 0) return true;
  if (ready.lastTransitionTime === undefined) return false;
  return Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000 <= nowMs;
}

/** What the loss of a Pod costs, beside the others of its set. */
export const POD_DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** Of 32 bits, without a plus or zeros before it (behind a minus they pass); undefined: no cost. */
export function readDeletionCost(text: string): number | undefined {
  const cost = /^(?:0|-\d+|[1-9]\d*)$/.test(text) ? Number(text) : undefined;
  return cost === undefined || cost < -(2 ** 31) || cost >= 2 ** 31 ? undefined : cost;
}

/** All containers have ended for good. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
}

/** Counts towards the replicas of its controller: neither ended nor being deleted. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata?.deletionTimestamp === undefined;
}

/**
 * The pod's conditions with `condition` set. `lastTransitionTime` is the old one's when the status
 * is the same, else `now` (RFC 3339). Answers the list that was given when nothing changes.
 */
export function withCondition(
  conditions: readonly PodCondition[],
  condition: PodCondition,
  now: string,
): readonly PodCondition[] {
  const old = conditions.find(({ type }) => type === condition.type);
  const time = old?.status === condition.status ? (old.lastTransitionTime ?? now) : now;
  const next: PodCondition = { ...condition, lastTransitionTime: time };
  if (old === undefined) return [...conditions, next];
  const same =
    old.status === next.status &&
    old.reason === next.reason &&
    old.message === next.message &&
    old.observedGeneration === next.observedGeneration &&
    // Go writes a time that nobody set as null.
    (old.lastProbeTime ?? undefined) === (next.lastProbeTime ?? undefined);
  return same ? conditions : conditions.map((each) => (each === old ? next : each));
}
