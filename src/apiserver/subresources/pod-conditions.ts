/** A pod's conditions. Upstream: pkg/api/v1/pod/util.go, UpdatePodCondition. */
import type { Pod, PodCondition } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';

/** Sets one condition; its transition time moves when its status changes. */
export function setPodCondition(pod: Pod, condition: PodCondition, nowMs: number): void {
  const present = pod.status?.conditions ?? [];
  const old = present.find(({ type }) => type === condition.type);
  const kept = old?.status === condition.status ? old.lastTransitionTime : undefined;
  const next: PodCondition = { ...condition, lastTransitionTime: kept ?? timeText(nowMs) };
  const conditions =
    old === undefined ? [...present, next] : present.map((other) => (other === old ? next : other));
  pod.status = { ...pod.status, conditions };
}

export function isPodReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
    true
  );
}
