/**
 * Where a Pod has a place, by the plainest reading of the rules and without any code of the
 * scheduler: what it knows are node selectors, taints, cordons, cpu, the number of Pods, host ports,
 * and required anti-affinity on the node itself.
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { isTolerated } from '#api/core/taints.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';

export function cpuMillisOf({ spec }: Pod): number {
  return (spec?.containers ?? []).reduce(
    (sum, { resources }) => sum + quantityMilli(resources?.requests?.['cpu'] ?? '0'),
    0,
  );
}

/** A sentence that says where the Pod could be; undefined: nowhere. */
export function placeFor(
  pod: Pod,
  nodes: readonly Node[],
  pods: readonly Pod[],
): string | undefined {
  const priority = pod.spec?.priority ?? 0;
  for (const node of nodes) {
    if (!mayBeOn(pod, node)) continue;
    const name = node.metadata?.name ?? '';
    const there = pods.filter((other) => other.spec?.nodeName === name && !isPodTerminal(other));
    if (hasRoom(pod, node, there)) return `fits on ${name}`;
    if (pod.spec?.preemptionPolicy === 'Never') continue;
    const kept = there.filter((other) => (other.spec?.priority ?? 0) >= priority);
    if (hasRoom(pod, node, kept)) return `is more important than some on ${name}`;
  }
  return undefined;
}

function mayBeOn({ spec }: Pod, { metadata, spec: node, status }: Node): boolean {
  if (node?.unschedulable === true) return false;
  if (status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True') return false;
  const taints = (node?.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
  if (!taints.every((taint) => isTolerated(spec?.tolerations, taint))) return false;
  return Object.entries(spec?.nodeSelector ?? {}).every(
    ([key, value]) => metadata?.labels?.[key] === value,
  );
}

function hasRoom(pod: Pod, { status }: Node, there: readonly Pod[]): boolean {
  const { allocatable = {} } = status ?? {};
  const millis = there.reduce((sum, other) => sum + cpuMillisOf(other), cpuMillisOf(pod));
  if (millis > quantityMilli(allocatable['cpu'] ?? '0')) return false;
  if (there.length + 1 > quantityValue(allocatable['pods'] ?? '0')) return false;
  const ports = portsOf(pod);
  if (there.some((other) => portsOf(other).some((port) => ports.includes(port)))) return false;
  return !there.some((other) => avoids(pod, other) || avoids(other, pod));
}

function portsOf({ spec }: Pod): number[] {
  return (spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort }) => (hostPort === undefined ? [] : [hostPort])),
  );
}

/** Whether `pod` may not be on a node with `other`. */
function avoids(pod: Pod, other: Pod): boolean {
  const terms =
    pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.some(
    ({ labelSelector }) =>
      pod.metadata?.namespace === other.metadata?.namespace &&
      Object.entries(labelSelector?.matchLabels ?? {}).every(
        ([key, value]) => other.metadata?.labels?.[key] === value,
      ),
  );
}
