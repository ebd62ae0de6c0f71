/**
 * Which nodes a pod's nodeSelector and required node affinity mean: terms are alternatives, what is
 * in a term holds together.
 *
 * Source: upstream staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity, v1.36.
 */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '#api/gen/core-v1.ts';
import { matchesSelector, type Operator, type Selector } from '../meta/labels.ts';

export type NodePredicate = (node: Node) => boolean;

const OPERATORS: Readonly<Record<string, Operator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
  Gt: 'gt',
  Lt: 'lt',
};

function selectorOf(requirements: readonly NodeSelectorRequirement[]): Selector {
  return requirements.map(({ key, operator, values }) => ({
    key,
    operator: OPERATORS[operator] ?? 'in',
    values: values ?? [],
  }));
}

/** A term that says nothing matches no node. */
function termPredicate(term: NodeSelectorTerm): NodePredicate {
  const labels = selectorOf(term.matchExpressions ?? []);
  const fields = selectorOf(term.matchFields ?? []);
  if (labels.length === 0 && fields.length === 0) return () => false;
  return ({ metadata }) =>
    matchesSelector(labels, metadata?.labels) &&
    matchesSelector(fields, { 'metadata.name': metadata?.name ?? '' });
}

/** Where `spec` lets its pod run, read once. */
export function requiredNodes(spec: PodSpec | undefined): NodePredicate {
  const wanted = Object.entries(spec?.nodeSelector ?? {});
  const hard = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = hard?.nodeSelectorTerms.map(termPredicate);
  return (node) =>
    wanted.every(([key, value]) => node.metadata?.labels?.[key] === value) &&
    (terms === undefined || terms.some((matches) => matches(node)));
}
