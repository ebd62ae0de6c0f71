/**
 * The terms of a pod's affinity to other pods, parsed once.
 *
 * matchLabelKeys and mismatchLabelKeys are part of the label selector already: the API server
 * merges them in when the pod is created. Source: upstream pkg/scheduler/framework/types.go
 * (newAffinityTerm), KEP-2249, KEP-3633.
 */
import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '#api/gen/core-v1.ts';
import {
  formatSelector,
  type Labels,
  matchesSelector,
  type Selector,
  selectorOf,
} from '#api/meta/labels.ts';

export interface AffinityTerm {
  /** The same text for terms that select the same pods by the same topology. */
  readonly key: string;
  readonly topologyKey: string;
  /** Undefined: matches no pod. */
  readonly selector: Selector | undefined;
  readonly namespaces: ReadonlySet<string>;
  /** Undefined: `namespaces` is all. */
  readonly namespaceSelector: Selector | undefined;
}

export interface WeightedTerm {
  readonly term: AffinityTerm;
  /** 1 to 100; negative for anti-affinity. */
  readonly weight: number;
}

export interface AffinityTerms {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  /** Affinity and, with negative weights, anti-affinity. */
  readonly preferred: readonly WeightedTerm[];
}

/** The pod's terms; undefined when it has none. */
export function affinityTermsOf(pod: Pod): AffinityTerms | undefined {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  if (podAffinity === undefined && podAntiAffinity === undefined) return undefined;
  const namespace = pod.metadata?.namespace ?? '';
  const terms = (list: readonly PodAffinityTerm[] | undefined): AffinityTerm[] =>
    (list ?? []).map((term) => affinityTerm(namespace, term));
  const weighted = (
    list: readonly WeightedPodAffinityTerm[] | undefined,
    sign: 1 | -1,
  ): WeightedTerm[] =>
    (list ?? []).map(({ weight, podAffinityTerm }) => ({
      term: affinityTerm(namespace, podAffinityTerm),
      weight: sign * weight,
    }));
  return {
    required: terms(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAnti: terms(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: [
      ...weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
      ...weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
    ],
  };
}

function affinityTerm(ownNamespace: string, term: PodAffinityTerm): AffinityTerm {
  const named = term.namespaces ?? [];
  const own = named.length === 0 && term.namespaceSelector === undefined;
  const namespaces = new Set(own ? [ownNamespace] : named);
  const selector = selectorOf(term.labelSelector);
  const namespaceSelector = selectorOf(term.namespaceSelector);
  return {
    key: JSON.stringify([
      term.topologyKey,
      selector === undefined ? null : formatSelector(selector),
      [...namespaces].toSorted(),
      namespaceSelector === undefined ? null : formatSelector(namespaceSelector),
    ]),
    topologyKey: term.topologyKey,
    selector,
    namespaces,
    namespaceSelector,
  };
}

interface Labelled {
  readonly namespace: string;
  readonly labels: Labels;
}

/** Whether the term means `pod`. `namespaceLabels`: those of the pod's namespace. */
export function termMatches(term: AffinityTerm, pod: Labelled, namespaceLabels: Labels): boolean {
  const { namespaces, namespaceSelector, selector } = term;
  if (selector === undefined) return false;
  const inNamespace =
    namespaces.has(pod.namespace) ||
    (namespaceSelector !== undefined && matchesSelector(namespaceSelector, namespaceLabels));
  return inNamespace && matchesSelector(selector, pod.labels);
}
