/**
 * Which nodes a node selector means: terms are alternatives, what is in a term holds together.
 *
 * Source: upstream staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity.
 */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '#api/gen/core-v1.ts';
import { matchesSelector, type Operator, type Selector } from '../meta/labels.ts';

/** Of a node, what selectors look at: a NodeInfo is one. */
export interface SelectableNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type NodePredicate = (node: SelectableNode) => boolean;

const OPERATORS: Readonly<Record<string, Operator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
  Gt: 'gt',
  Lt: 'lt',
};

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

export function selectable(node: Node): SelectableNode {
  return { name: node.metadata?.name ?? '', labels: node.metadata?.labels ?? NO_LABELS };
}

function selectorOf(requirements: readonly NodeSelectorRequirement[]): Selector {
  return requirements.map(({ key, operator, values }) => ({
    key,
    operator: OPERATORS[operator] ?? 'in',
    values: values ?? [],
  }));
}

/** One term, parsed once. A term that says nothing matches no node. */
export function termPredicate(term: NodeSelectorTerm): NodePredicate {
  const labels = selectorOf(term.matchExpressions ?? []);
  const fields = selectorOf(term.matchFields ?? []);
  if (labels.length === 0 && fields.length === 0) return () => false;
  if (fields.length === 0) return (node) => matchesSelector(labels, node.labels);
  return (node) =>
    matchesSelector(labels, node.labels) && matchesSelector(fields, { 'metadata.name': node.name });
}

/** Any of the terms. */
export function termsPredicate(terms: readonly NodeSelectorTerm[]): NodePredicate {
  const predicates = terms.map(termPredicate);
  return (node) => predicates.some((matches) => matches(node));
}

/** Where nodeSelector and required node affinity let a pod run; undefined: everywhere. */
export function requiredNodes(pod: Pick<Pod, 'spec'>): NodePredicate | undefined {
  const wanted = Object.entries(pod.spec?.nodeSelector ?? {});
  const hard = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (wanted.length === 0 && hard === undefined) return undefined;
  const selected: NodePredicate = ({ labels }) =>
    wanted.every(([key, value]) => labels[key] === value);
  if (hard === undefined) return selected;
  const matched = termsPredicate(hard.nodeSelectorTerms);
  return wanted.length === 0 ? matched : (node) => selected(node) && matched(node);
}
