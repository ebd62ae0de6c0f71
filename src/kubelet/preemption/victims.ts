/**
 * Which pods make room for a critical one. Pure.
 *
 * As few Guaranteed pods as can be, then as few Burstable ones, then as few BestEffort ones; of two
 * that help alike the one that asks for less. Upstream: pkg/kubelet/preemption/preemption.go
 * (getPodsToPreempt), v1.36.
 */
import { podQosClass } from '#api/core/qos.ts';
import type { Pod, PodQOSClass } from '#api/gen/core-v1.ts';
import { isCriticalPod } from '../admission/critical-pod.ts';
import { requestOf } from '../admission/rejection.ts';

/** How much of which resource is missing: processors in thousandths, all else in whole units. */
export type Lacks = ReadonlyMap<string, number>;

/** Undefined: not even all pods that may go would do. */
export function victimsFor(pod: Pod, others: readonly Pod[], lacks: Lacks): Pod[] | undefined {
  const of = (wanted: PodQOSClass): Pod[] =>
    others.filter((other) => isPreemptable(pod, other) && podQosClass(other) === wanted);
  const [bestEffort, burstable, guaranteed] = [of('BestEffort'), of('Burstable'), of('Guaranteed')];
  if (without(lacks, [...bestEffort, ...burstable, ...guaranteed]).size > 0) return undefined;
  const last = fewest(guaranteed, without(lacks, [...bestEffort, ...burstable]));
  const middle = fewest(burstable, without(lacks, [...bestEffort, ...last]));
  const first = fewest(bestEffort, without(lacks, [...middle, ...last]));
  return [...first, ...middle, ...last];
}

function isPreemptable(pod: Pod, other: Pod): boolean {
  if (isCriticalPod(pod) && !isCriticalPod(other)) return true;
  const [own, its] = [pod.spec?.priority, other.spec?.priority];
  return own !== undefined && its !== undefined && own > its;
}

function without(lacks: Lacks, pods: readonly Pod[]): Lacks {
  const left = [...lacks].map(([name, amount]) => {
    const freed = pods.reduce((sum, pod) => sum + requestOf(pod, name), 0);
    return [name, amount - freed] as const;
  });
  return new Map(left.filter(([, amount]) => amount > 0));
}

/** There are enough: the caller has looked. */
function fewest(pods: readonly Pod[], lacks: Lacks): Pod[] {
  const found: Pod[] = [];
  let left = lacks;
  while (left.size > 0) {
    const now = left;
    const [best] = pods
      .filter((pod) => !found.includes(pod))
      .toSorted((a, b) => distance(now, a) - distance(now, b) || bySize(a, b));
    if (best === undefined) return found;
    found.push(best);
    left = without(left, [best]);
  }
  return found;
}

/** How much would still be missing: each resource weighs the same. */
function distance(lacks: Lacks, pod: Pod): number {
  return [...lacks].reduce((sum, [name, amount]) => {
    const left = Math.max(0, amount - requestOf(pod, name));
    return sum + (left / amount) ** 2;
  }, 0);
}

function bySize(a: Pod, b: Pod): number {
  const of = (name: string): number => requestOf(a, name) - requestOf(b, name);
  return of('memory') || of('cpu');
}
