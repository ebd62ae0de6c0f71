/**
 * Why a pod has no place: what each node, or a plug-in for all of them, had against it, in
 * upstream's words. Source: upstream pkg/scheduler/framework/types.go (Diagnosis, FitError).
 */
import type { Verdict } from './framework.ts';

export interface Diagnosis {
  readonly nodeCount: number;
  /** By name of the node. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** Of all nodes that are not in `verdicts`. */
  readonly others?: Verdict;
  /** A plug-in that refused before any node was looked at. */
  readonly before?: Verdict;
  /** What came of the attempt to make room, as a sentence. */
  readonly after?: string;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).` */
export function fitErrorMessage(diagnosis: Diagnosis): string {
  const { nodeCount, before, after } = diagnosis;
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const counted = before === undefined ? countedReasons(diagnosis) : before.reasons.join(', ');
  const reasons = counted === '' ? '' : ` ${counted}.`;
  const rest = after === undefined || after === '' ? '' : ` ${after}`;
  return `0/${nodeCount} nodes are available:${reasons}${rest}`;
}

function countedReasons({ nodeCount, verdicts, others }: Diagnosis): string {
  const counts = new Map<string, number>();
  const count = (reason: string, nodes: number): void => {
    counts.set(reason, (counts.get(reason) ?? 0) + nodes);
  };
  for (const [{ reasons }, nodes] of tally(verdicts))
    for (const reason of reasons) count(reason, nodes);
  const left = nodeCount - verdicts.size;
  if (left > 0) for (const reason of others?.reasons ?? []) count(reason, left);
  return [...counts]
    .map(([reason, number]) => `${number} ${reason}`)
    .sort()
    .join(', ');
}

/** How many nodes have each verdict: many share one. */
function tally(verdicts: ReadonlyMap<string, Verdict>): Map<Verdict, number> {
  const counts = new Map<Verdict, number>();
  for (const verdict of verdicts.values()) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return counts;
}

/** The verdict on one node. */
export function verdictOn(diagnosis: Diagnosis, node: string): Verdict | undefined {
  return diagnosis.before ?? diagnosis.verdicts.get(node) ?? diagnosis.others;
}

/** Plug-ins that refused the pod, by name; those that wait for something are apart. */
export function rejectors(diagnosis: Diagnosis): {
  readonly unschedulable: ReadonlySet<string>;
  readonly pending: ReadonlySet<string>;
} {
  const unschedulable = new Set<string>();
  const pending = new Set<string>();
  const add = ({ plugin, kind }: Verdict): void => {
    if (plugin === '') return;
    (kind === 'Pending' ? pending : unschedulable).add(plugin);
  };
  if (diagnosis.before !== undefined) add(diagnosis.before);
  if (diagnosis.others !== undefined) add(diagnosis.others);
  for (const verdict of new Set(diagnosis.verdicts.values())) add(verdict);
  return { unschedulable, pending };
}
