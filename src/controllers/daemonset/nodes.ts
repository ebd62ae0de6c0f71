/**
 * Which nodes a DaemonSet has a Pod on, and which Pods are for which node.
 *
 * Upstream: NodeShouldRunDaemonPod and getNodesToDaemonPods in
 * pkg/controller/daemon/daemon_controller.go, v1.36.
 */
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { requiredNodes, selectable } from '#api/core/node-selector.ts';
import { firstUntolerated } from '#api/core/taints.ts';
import type { DaemonSet } from '#api/gen/apps-v1.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { tolerationsOf } from './template.ts';

/** What a node is to a DaemonSet. */
export interface Verdict {
  /** A Pod is to be made if there is none. */
  readonly shouldRun: boolean;
  /** A Pod that is there may stay. */
  readonly mayStay: boolean;
}

const NEVER: Verdict = { shouldRun: false, mayStay: false };
const ALWAYS: Verdict = { shouldRun: true, mayStay: true };

/** Judges nodes; the template is read once. */
export function judgeOf(set: DaemonSet): (node: Node) => Verdict {
  const spec = set.spec?.template?.spec;
  const tolerations = tolerationsOf(spec);
  const isWanted = requiredNodes(set.spec?.template ?? {});
  return (node) => {
    const named = spec?.nodeName ?? '';
    if ((named !== '' && named !== node.metadata?.name) || isWanted?.(selectable(node)) === false)
      return NEVER;
    const untolerated = (effects: readonly string[]): boolean =>
      firstUntolerated(node.spec?.taints, tolerations, effects) !== undefined;
    if (!untolerated(['NoSchedule', 'NoExecute'])) return ALWAYS;
    return { shouldRun: false, mayStay: !untolerated(['NoExecute']) };
  };
}

/** The node that a Pod is on or is meant for; undefined: it does not say. */
function targetOf({ spec }: Pod): string | undefined {
  if (spec?.nodeName) return spec.nodeName;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const field = required?.nodeSelectorTerms
    .flatMap(({ matchFields }) => matchFields ?? [])
    .find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
  return field?.values?.length === 1 ? field.values[0] : undefined;
}

/** A Pod that has ended and is being deleted: nothing is left to do about it. */
export function isSpent(pod: Pod): boolean {
  return isPodTerminal(pod) && pod.metadata?.deletionTimestamp !== undefined;
}

/** Pods by node, in the order of node names; those that say no node are left out. */
export function podsByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const found = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = targetOf(pod);
    if (node === undefined) continue;
    const there = found.get(node);
    if (there === undefined) found.set(node, [pod]);
    else there.push(pod);
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Scheduled ones first, then the older, then by name. */
export function oldestFirst(pods: readonly Pod[]): Pod[] {
  const unscheduled = ({ spec }: Pod): number => (spec?.nodeName ? 0 : 1);
  const createdMs = ({ metadata }: Pod): number =>
    Date.parse(metadata?.creationTimestamp ?? '') || 0;
  return pods.toSorted(
    (a, b) =>
      unscheduled(a) - unscheduled(b) ||
      createdMs(a) - createdMs(b) ||
      ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1),
  );
}
