/** What controllers ask of a Node, and how they change its taints. */
import { NODE } from '#api/core/node.ts';
import { sameTaint } from '#api/core/taints.ts';
import type { Node, NodeCondition, ObjectReference, Taint } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import type { Client } from '#client/client.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';

export function nodeCondition(node: Node, type: string): NodeCondition | undefined {
  return node.status?.conditions?.find((condition) => condition.type === type);
}

/** How events name a node: without namespace, by name and uid. */
export function nodeReference(node: Node): ObjectReference {
  const { name = '', uid = '' } = node.metadata ?? {};
  return { apiVersion: 'v1', kind: 'Node', name, uid };
}

export function hasTaint(node: Node, taint: Pick<Taint, 'key' | 'effect'>): boolean {
  return node.spec?.taints?.some((known) => sameTaint(known, taint)) ?? false;
}

export interface TaintChange {
  readonly add: readonly Taint[];
  readonly remove: readonly Taint[];
}

/** The taints after `change`, or undefined when nothing changes. New ones carry the time. */
function taintsAfter(node: Node, { add, remove }: TaintChange, nowMs: number): Taint[] | undefined {
  const taints = node.spec?.taints ?? [];
  const fresh = add.filter((taint) => !taints.some((known) => sameTaint(known, taint)));
  const kept = taints.filter((taint) => !remove.some((gone) => sameTaint(gone, taint)));
  if (fresh.length === 0 && kept.length === taints.length) return undefined;
  return [...kept, ...fresh.map((taint) => ({ ...taint, timeAdded: timeText(nowMs) }))];
}

/** Writes the change; a node that was changed meanwhile is a Conflict, and the caller comes back. */
export async function changeTaints(
  client: Client,
  node: Node,
  change: TaintChange & { readonly nowMs: number },
): Promise<Node> {
  const taints = taintsAfter(node, change, change.nowMs);
  if (taints === undefined) return node;
  const { name = '', resourceVersion } = node.metadata ?? {};
  return client.patch(NODE, { name }, 'merge', { metadata: { resourceVersion }, spec: { taints } });
}
