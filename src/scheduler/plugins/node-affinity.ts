/** NodeAffinity: nodeSelector and node affinity, hard and soft. */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm } from '#api/gen/core-v1.ts';
import { matchesSelector, type Operator, type Requirement } from '#api/meta/labels.ts';
import { normalizeByMax, type Plugin } from '../framework.ts';

const OPERATORS: Readonly<Record<string, Operator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
  Gt: 'gt',
  Lt: 'lt',
};

function requirementOf({ key, operator, values }: NodeSelectorRequirement): Requirement {
  return { key, operator: OPERATORS[operator] ?? 'in', values: values ?? [] };
}

/** Whether a node meets a term. A term that says nothing matches no node. */
function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  return (
    matchesSelector(expressions.map(requirementOf), node.metadata?.labels) &&
    matchesSelector(fields.map(requirementOf), { 'metadata.name': node.metadata?.name ?? '' })
  );
}

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  weight: 2,
  filter({ pod }, { node }) {
    const labels = node.metadata?.labels ?? {};
    const selected = Object.entries(pod.spec?.nodeSelector ?? {}).every(
      ([key, value]) => labels[key] === value,
    );
    const hard = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const matched =
      hard === undefined || hard.nodeSelectorTerms.some((term) => matchesTerm(term, node));
    if (selected && matched) return undefined;
    return {
      plugin: 'NodeAffinity',
      reasons: ["node(s) didn't match Pod's node affinity/selector"],
      unresolvable: true,
    };
  },
  score({ pod }, { node }) {
    let score = 0;
    const soft =
      pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    for (const { weight, preference } of soft) if (matchesTerm(preference, node)) score += weight;
    return score;
  },
  normalize: (scores) => normalizeByMax(scores, false),
};
