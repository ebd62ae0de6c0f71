/**
 * What a node's own state asks for at once: taints that keep new Pods away, and labels in both
 * spellings. Pure.
 *
 * Upstream: doNoScheduleTaintingPass and reconcileNodeLabels in
 * pkg/controller/nodelifecycle/node_lifecycle_controller.go, v1.36.
 */
import { sameTaint } from '#api/core/taints.ts';
import type { Node, Taint } from '#api/gen/core-v1.ts';
import { NOT_READY, type TaintChange, UNREACHABLE } from '../shared/nodes.ts';

const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Condition and status to taint. */
const TAINT_OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: NOT_READY, Unknown: UNREACHABLE },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
};

const OURS: ReadonlySet<string> = new Set([
  UNSCHEDULABLE,
  ...Object.values(TAINT_OF).flatMap(Object.values),
]);

const LABEL_PAIRS: readonly (readonly [string, string])[] = [
  ['kubernetes.io/os', 'beta.kubernetes.io/os'],
  ['kubernetes.io/arch', 'beta.kubernetes.io/arch'],
];

/** The NoSchedule taints that the node's conditions ask for, and those to take off. */
export function noScheduleChange(node: Node): TaintChange {
  const wanted: Taint[] = (node.status?.conditions ?? []).flatMap(({ type, status }) => {
    const key = TAINT_OF[type]?.[status];
    return key === undefined ? [] : [{ key, effect: 'NoSchedule' as const }];
  });
  if (node.spec?.unschedulable === true) wanted.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' });
  const present = (node.spec?.taints ?? []).filter(
    ({ key, effect }) => effect === 'NoSchedule' && OURS.has(key),
  );
  return {
    add: wanted.filter((taint) => !present.some((known) => sameTaint(known, taint))),
    remove: present.filter((taint) => !wanted.some((known) => sameTaint(known, taint))),
  };
}

/** Labels to write, so that the old spelling says what the new one says. */
export function labelChange({ metadata }: Node): Record<string, string> {
  const labels = metadata?.labels ?? {};
  const changes: Record<string, string> = {};
  for (const [name, oldName] of LABEL_PAIRS) {
    const value = labels[name];
    if (value !== undefined && labels[oldName] !== value) changes[oldName] = value;
  }
  return changes;
}
