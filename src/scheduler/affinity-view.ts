/**
 * How many pods that all of some affinity terms mean are in each topology domain, kept by deltas
 * (see `views.ts`).
 */
import { formatSelector, matchesSelector, type Selector } from '#api/meta/labels.ts';
import type { AffinityTerm } from './affinity-terms.ts';
import type { Cluster } from './cluster.ts';
import type { NodeInfo, PodInfo } from './framework.ts';
import type { View } from './views.ts';

/** A term of the pod that is being placed, with its namespaces known. */
export interface ResolvedTerm {
  readonly topologyKey: string;
  readonly selector: Selector | undefined;
  /** Undefined: every namespace. */
  readonly namespaces: ReadonlySet<string> | undefined;
}

/** Finds the namespaces that the term's selector means now. */
export function resolveTerm(term: AffinityTerm, { objects }: Cluster): ResolvedTerm {
  const { topologyKey, selector, namespaceSelector } = term;
  if (namespaceSelector === undefined)
    return { topologyKey, selector, namespaces: term.namespaces };
  if (namespaceSelector.length === 0) return { topologyKey, selector, namespaces: undefined };
  const selected = objects
    .namespaces()
    .filter(({ metadata }) => matchesSelector(namespaceSelector, metadata?.labels))
    .map(({ metadata }) => metadata?.name ?? '');
  return { topologyKey, selector, namespaces: term.namespaces.union(new Set(selected)) };
}

/** Of a pod, what terms look at: a PodInfo is one. */
type Labelled = Pick<PodInfo, 'namespace' | 'labels'>;

export function meansPod({ selector, namespaces }: ResolvedTerm, pod: Labelled): boolean {
  if (selector === undefined) return false;
  if (namespaces !== undefined && !namespaces.has(pod.namespace)) return false;
  return matchesSelector(selector, pod.labels);
}

/** Whether the pod is meant by all of the terms, of which there must be one. */
export function allMeanPod(terms: readonly ResolvedTerm[], pod: PodInfo): boolean {
  return terms.length > 0 && terms.every((term) => meansPod(term, pod));
}

export class AffinityView implements View {
  readonly #terms: readonly ResolvedTerm[];
  readonly #byKey = new Map<string, Map<string, number>>();
  #total = 0;

  constructor(terms: readonly ResolvedTerm[]) {
    this.#terms = terms;
    for (const { topologyKey } of terms) this.#byKey.set(topologyKey, new Map());
  }

  /** Places that such pods have in all domains together: 0 when there is no such pod. */
  get total(): number {
    return this.#total;
  }

  /** Pods by value of one of the topology keys. */
  byValue(topologyKey: string): ReadonlyMap<string, number> {
    return this.#byKey.get(topologyKey) ?? new Map();
  }

  count(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    if (!allMeanPod(this.#terms, pod)) return;
    for (const [topologyKey, values] of this.#byKey) {
      const value = node.labels[topologyKey];
      if (value === undefined) continue;
      const next = (values.get(value) ?? 0) + delta;
      if (next > 0) values.set(value, next);
      else values.delete(value);
      this.#total += delta;
    }
  }
}

/** The counts for these terms together, shared by all pods that have the same. */
export function affinityView(terms: readonly ResolvedTerm[], cluster: Cluster): AffinityView {
  const name = JSON.stringify([
    'affinity',
    ...terms.map(({ topologyKey, selector, namespaces }) => [
      topologyKey,
      selector === undefined ? null : formatSelector(selector),
      namespaces === undefined ? null : [...namespaces].toSorted(),
    ]),
  ]);
  return cluster.view(name, () => new AffinityView(terms));
}
