/**
 * InterPodAffinity: pods near to or away from other pods.
 *
 * Four questions for each node: are the pods there that the pod must be near to; are pods there
 * that it must be away from; does a pod there keep it away; and how much do the wishes of both
 * sides speak for the node. Counts by topology value are kept by deltas (`affinity-view.ts`,
 * `term-index.ts`). Upstream: pkg/scheduler/framework/plugins/interpodaffinity, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { Labels } from '#api/meta/labels.ts';
import { type AffinityTerm, affinityTermsOf, termMatches } from '../affinity-terms.ts';
import {
  affinityView,
  allMeanPod,
  meansPod,
  resolveTerm,
  type ResolvedTerm,
} from '../affinity-view.ts';
import type { Cluster } from '../cluster.ts';
import { type ClusterEvent, hasPlace, nodesOf, podsOf } from '../cluster-events.ts';
import {
  type NodeFilter,
  type NodeInfo,
  type NodeScorer,
  type Plugin,
  type PodInfo,
  SCORE_MAX,
  type Verdict,
} from '../framework.ts';
import type { IndexedTerm } from '../term-index.ts';

const NAME = 'InterPodAffinity';

const NOT_NEAR: Verdict = {
  plugin: NAME,
  kind: 'UnschedulableAndUnresolvable',
  reasons: ["node(s) didn't match pod affinity rules"],
};
const TOO_NEAR: Verdict = {
  plugin: NAME,
  kind: 'Unschedulable',
  reasons: ["node(s) didn't match pod anti-affinity rules"],
};
const KEPT_AWAY: Verdict = {
  plugin: NAME,
  kind: 'Unschedulable',
  reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"],
};

export interface InterPodAffinityArgs {
  /** What a required affinity of another pod counts as a wish for the pod. */
  readonly hardPodAffinityWeight?: number;
  /** Only pods that have wishes of their own are scored. */
  readonly ignorePreferredTermsOfExistingPods?: boolean;
}

/** Counts of one question that a copy adds to what is there, by topology key and value. */
type Changes = Map<string, number>;

const pair = (topologyKey: string, value: string): string => `${topologyKey}\0${value}`;

function change(changes: Changes, topologyKey: string, node: NodeInfo, delta: number): number {
  const value = node.labels[topologyKey];
  if (value === undefined) return 0;
  const key = pair(topologyKey, value);
  changes.set(key, (changes.get(key) ?? 0) + delta);
  return delta;
}

type Counts = ReadonlyMap<string, number>;

interface Questions {
  readonly pod: PodInfo;
  readonly namespaceLabels: Labels;
  readonly near: readonly ResolvedTerm[];
  /** Pods that are meant, by value of the topology key of each of `near`. */
  readonly nearCounts: readonly Counts[];
  /** Such pods in all domains. */
  readonly nearTotal: number;
  readonly away: readonly (readonly [ResolvedTerm, Counts])[];
  /** Terms of pods on nodes that keep the pod away. */
  readonly keptAway: readonly IndexedTerm[];
}

class AffinityFilter implements NodeFilter {
  readonly #questions: Questions;
  readonly #near: Changes;
  readonly #away: Changes;
  readonly #keptAway: Changes;
  #nearTotal: number;

  constructor(questions: Questions, from?: AffinityFilter) {
    this.#questions = questions;
    this.#near = new Map(from === undefined ? [] : from.#near);
    this.#away = new Map(from === undefined ? [] : from.#away);
    this.#keptAway = new Map(from === undefined ? [] : from.#keptAway);
    this.#nearTotal = from === undefined ? questions.nearTotal : from.#nearTotal;
  }

  check(node: NodeInfo): Verdict | undefined {
    if (!this.#isNear(node)) return NOT_NEAR;
    if (this.#isTooNear(node)) return TOO_NEAR;
    return this.#isKeptAway(node) ? KEPT_AWAY : undefined;
  }

  fork(): AffinityFilter {
    return new AffinityFilter(this.#questions, this);
  }

  count(other: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    const { pod, namespaceLabels, near, away } = this.#questions;
    if (allMeanPod(near, other)) {
      for (const topologyKey of new Set(near.map((term) => term.topologyKey)))
        this.#nearTotal += change(this.#near, topologyKey, node, delta);
    }
    for (const [term] of away)
      if (meansPod(term, other)) change(this.#away, term.topologyKey, node, delta);
    for (const term of other.terms?.requiredAnti ?? [])
      if (termMatches(term, pod, namespaceLabels))
        change(this.#keptAway, term.topologyKey, node, delta);
  }

  #isNear(node: NodeInfo): boolean {
    const { near, nearCounts, pod } = this.#questions;
    let found = true;
    for (let i = 0; i < near.length; i++) {
      const topologyKey = near[i]?.topologyKey ?? '';
      const value = node.labels[topologyKey];
      if (value === undefined) return false;
      const there = nearCounts[i]?.get(value) ?? 0;
      if (there + changed(this.#near, topologyKey, value) <= 0) found = false;
    }
    // The first of a group whose pods want to be near to each other may go anywhere.
    return found || (this.#nearTotal === 0 && allMeanPod(near, pod));
  }

  #isTooNear(node: NodeInfo): boolean {
    for (const [{ topologyKey }, counts] of this.#questions.away) {
      const value = node.labels[topologyKey];
      if (value === undefined) continue;
      const there = counts.get(value) ?? 0;
      if (there + changed(this.#away, topologyKey, value) > 0) return true;
    }
    return false;
  }

  #isKeptAway(node: NodeInfo): boolean {
    const { keptAway } = this.#questions;
    if (this.#keptAway.size === 0) {
      for (const { term, byValue } of keptAway) {
        const value = node.labels[term.topologyKey];
        if (value !== undefined && byValue.has(value)) return true;
      }
      return false;
    }
    return this.#isKeptAwayInCopy(node);
  }

  #isKeptAwayInCopy(node: NodeInfo): boolean {
    const there = new Map(this.#keptAway);
    for (const { term, byValue } of this.#questions.keptAway)
      change(there, term.topologyKey, node, byValue.get(node.labels[term.topologyKey] ?? '') ?? 0);
    return Object.entries(node.labels).some(([key, value]) => changed(there, key, value) > 0);
  }
}

function changed(changes: Changes, topologyKey: string, value: string): number {
  return changes.size === 0 ? 0 : (changes.get(pair(topologyKey, value)) ?? 0);
}

function preFilter(pod: PodInfo, cluster: Cluster) {
  const namespaceLabels = cluster.objects.namespace(pod.namespace)?.metadata?.labels;
  const keptAway = [...cluster.antiAffinityTerms.entries()].filter(({ term }) =>
    termMatches(term, pod, namespaceLabels),
  );
  const near = (pod.terms?.required ?? []).map((term) => resolveTerm(term, cluster));
  const awayTerms = (pod.terms?.requiredAnti ?? []).map((term) => resolveTerm(term, cluster));
  if (keptAway.length === 0 && near.length === 0 && awayTerms.length === 0) return undefined;
  const nearView = near.length === 0 ? undefined : affinityView(near, cluster);
  const nearCounts = near.map((term) => nearView?.byValue(term.topologyKey) ?? new Map());
  const nearTotal = nearView?.total ?? 0;
  const away = awayTerms.map((term) => {
    const counts = affinityView([term], cluster).byValue(term.topologyKey);
    return [term, counts] as const;
  });
  const questions = { pod, namespaceLabels, near, nearCounts, nearTotal, away, keptAway };
  return { filter: new AffinityFilter(questions) };
}

/** What speaks for nodes with some value of a topology key. */
interface Wish {
  readonly topologyKey: string;
  readonly byValue: ReadonlyMap<string, number>;
  readonly weight: number;
}

function wishesOf(pod: PodInfo, cluster: Cluster, hardWeight: number): Wish[] {
  const namespaceLabels = cluster.objects.namespace(pod.namespace)?.metadata?.labels;
  const wishes: Wish[] = [];
  for (const { term, weight } of pod.terms?.preferred ?? []) {
    const { topologyKey } = term;
    const byValue = affinityView([resolveTerm(term, cluster)], cluster).byValue(topologyKey);
    wishes.push({ topologyKey, byValue, weight });
  }
  const ofOthers = (terms: Iterable<IndexedTerm>, factor: number): void => {
    for (const { term, byValue, weight } of terms)
      if (termMatches(term, pod, namespaceLabels))
        wishes.push({ topologyKey: term.topologyKey, byValue, weight: weight * factor });
  };
  if (hardWeight > 0) ofOthers(cluster.affinityTerms.entries(), hardWeight);
  ofOthers(cluster.preferredTerms.entries(), 1);
  return wishes.filter(({ byValue }) => byValue.size > 0);
}

function wishScorer(wishes: readonly Wish[]): NodeScorer {
  return {
    score({ labels }) {
      let score = 0;
      for (const { topologyKey, byValue, weight } of wishes) {
        const value = labels[topologyKey];
        if (value !== undefined) score += weight * (byValue.get(value) ?? 0);
      }
      return score;
    },
    normalize(scores) {
      let min = Number.POSITIVE_INFINITY;
      let max = Number.NEGATIVE_INFINITY;
      for (const score of scores) {
        min = Math.min(min, score);
        max = Math.max(max, score);
      }
      for (const [i, score] of scores.entries())
        scores[i] = max === min ? 0 : Math.trunc(SCORE_MAX * ((score - min) / (max - min)));
    },
  };
}

/** Namespaces are not at hand: of those that a selector means, any may do. */
function mayMean(term: AffinityTerm, other: Pod | undefined): boolean {
  const { namespace = '', labels = {} } = other?.metadata ?? {};
  const anywhere = term.namespaceSelector !== undefined;
  const { selector, topologyKey } = term;
  const namespaces = anywhere ? undefined : term.namespaces;
  return meansPod({ selector, topologyKey, namespaces }, { namespace, labels });
}

function podHelps(pod: PodInfo, event: ClusterEvent): boolean {
  const { before, after } = podsOf(event);
  if (before !== undefined && after !== undefined && after.metadata?.uid === pod.uid) return true;
  if (![before, after].every((each) => each === undefined || hasPlace(each))) return false;
  const allMean = (terms: readonly AffinityTerm[] | undefined, other: Pod | undefined): boolean =>
    other !== undefined &&
    terms !== undefined &&
    terms.length > 0 &&
    terms.every((term) => mayMean(term, other));
  const { required, requiredAnti } = pod.terms ?? {};
  const came = allMean(required, after) && !allMean(required, before);
  const went = allMean(requiredAnti, before) && !allMean(requiredAnti, after);
  if (came || went) return true;
  if (before === undefined || after !== undefined) return false;
  return allMean(affinityTermsOf(before)?.requiredAnti, pod.pod);
}

function nodeHelps({ terms }: PodInfo, event: ClusterEvent): boolean {
  const { before, after } = nodesOf(event);
  const old = before?.metadata?.labels ?? {};
  const now = after?.metadata?.labels ?? {};
  for (const { topologyKey } of terms?.required ?? [])
    if (now[topologyKey] !== undefined && old[topologyKey] !== now[topologyKey]) return true;
  for (const { topologyKey } of terms?.requiredAnti ?? []) {
    if (before === undefined) return true;
    if (old[topologyKey] !== undefined && old[topologyKey] !== now[topologyKey]) return true;
  }
  // Pods that others keep away find room on a new node. (Upstream lets them wait for the flush.)
  return before === undefined && terms === undefined;
}

export function interPodAffinityWith(args: InterPodAffinityArgs): Plugin {
  const hardWeight = args.hardPodAffinityWeight ?? 1;
  return {
    name: NAME,
    weight: 2,
    preFilter,
    preScore(pod, _nodes, cluster) {
      const hasOwn = (pod.terms?.preferred ?? []).length > 0;
      if (args.ignorePreferredTermsOfExistingPods === true && !hasOwn) return undefined;
      const wishes = wishesOf(pod, cluster, hardWeight);
      return wishes.length === 0 ? undefined : wishScorer(wishes);
    },
    hints: [
      { resource: 'Pod', actions: ['Add', 'UpdatePodLabel', 'Delete'], helps: podHelps },
      { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'], helps: nodeHelps },
    ],
  };
}

export const interPodAffinity = interPodAffinityWith({});
