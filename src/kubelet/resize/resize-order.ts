/**
 * Which of the resizes that wait is tried first. Pure.
 *
 * What asks for no more is sure to succeed and makes room; then the more important pod, by
 * priority and by class; then who has waited longer. Source: KEP-1287 ("Priority of Resize
 * Requests"). Upstream: pkg/kubelet/allocation/allocation_manager.go (sortPendingResizes), v1.36.
 */
import { compareQuantity } from '#api/codec/quantity.ts';
import { podQosClass } from '#api/core/qos.ts';
import { podRequests } from '#api/core/resources.ts';
import type { Pod } from '#api/gen/core-v1.ts';

export interface WaitingResize {
  /** As its spec asks. */
  readonly pod: Pod;
  /** As the node has allocated it. */
  readonly allocated: Pod;
  /** RFC 3339; undefined: only now. */
  readonly waitsSince?: string;
}

/** A negative number: `a` comes first. */
export function compareResizes(a: WaitingResize, b: WaitingResize): number {
  return (
    Number(asksForMore(a)) - Number(asksForMore(b)) ||
    (b.pod.spec?.priority ?? 0) - (a.pod.spec?.priority ?? 0) ||
    Number(isGuaranteed(b)) - Number(isGuaranteed(a)) ||
    sinceMs(a) - sinceMs(b)
  );
}

function asksForMore({ pod, allocated }: WaitingResize): boolean {
  const [wanted, held] = [podRequests(pod), podRequests(allocated)];
  return ['cpu', 'memory'].some(
    (name) => compareQuantity(wanted[name] ?? '0', held[name] ?? '0') > 0,
  );
}

function isGuaranteed({ pod }: WaitingResize): boolean {
  return podQosClass(pod) === 'Guaranteed';
}

function sinceMs({ waitsSince }: WaitingResize): number {
  return waitsSince === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(waitsSince);
}
