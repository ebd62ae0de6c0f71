/**
 * PodTopologySpread: keeps pods of a kind evenly over zones, nodes, or any other topology.
 *
 * Counts come from views that are kept by deltas (`spread-view.ts`): a pod costs one look at each
 * candidate. Upstream: pkg/scheduler/framework/plugins/podtopologyspread, v1.36.
 */
import { matchesSelector } from '#api/meta/labels.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
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
import {
  type Constraint,
  constraintsOf,
  type DefaultConstraint,
  hasAllKeys,
  hasOwnConstraints,
  HOSTNAME,
  spreadView,
  SYSTEM_DEFAULTS,
} from '../spread-constraints.ts';
import { NodeCountView, type SpreadView } from '../spread-view.ts';
import type { Cluster } from '../cluster.ts';

const NAME = 'PodTopologySpread';
const REASON = "node(s) didn't match pod topology spread constraints";

const UNEVEN: Verdict = { plugin: NAME, kind: 'Unschedulable', reasons: [REASON] };
const NO_LABEL: Verdict = {
  plugin: NAME,
  kind: 'UnschedulableAndUnresolvable',
  reasons: [`${REASON} (missing required label)`],
};

export interface PodTopologySpreadArgs {
  /** Instead of the system's own, for pods without constraints. */
  readonly defaultConstraints?: readonly DefaultConstraint[];
}

interface Counted {
  readonly constraint: Constraint;
  readonly view: SpreadView;
  readonly self: 0 | 1;
  /** What a copy counts beside the view, by domain. */
  readonly changes: Map<string, number>;
  /** The pods of the emptiest domain. */
  least: number;
}

function leastPods({ constraint, view, changes }: Omit<Counted, 'least'>): number {
  return view.domainCount < constraint.minDomains ? 0 : view.leastPods(changes);
}

class SpreadFilter implements NodeFilter {
  readonly #counted: readonly Counted[];

  constructor(counted: readonly Counted[]) {
    this.#counted = counted;
  }

  check({ labels }: NodeInfo): Verdict | undefined {
    for (const { constraint, view, self, changes, least } of this.#counted) {
      const value = labels[constraint.topologyKey];
      if (value === undefined) return NO_LABEL;
      let pods = view.podsIn(value) ?? 0;
      if (changes.size > 0) pods += changes.get(value) ?? 0;
      if (pods + self - least > constraint.maxSkew) return UNEVEN;
    }
    return undefined;
  }

  fork(): SpreadFilter {
    return new SpreadFilter(
      this.#counted.map((each) => ({ ...each, changes: new Map(each.changes) })),
    );
  }

  count(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    for (const each of this.#counted) {
      const value = each.view.domainOf(pod, node);
      if (value === undefined) continue;
      each.changes.set(value, (each.changes.get(value) ?? 0) + delta);
      each.least = leastPods(each);
    }
  }
}

function filterOf(pod: PodInfo, constraints: readonly Constraint[], cluster: Cluster) {
  return new SpreadFilter(
    constraints.map((constraint) => {
      const view = spreadView({ pod, constraint, together: constraints, cluster });
      const { selector } = constraint;
      const isSelf = selector !== undefined && matchesSelector(selector, pod.labels);
      const part = { constraint, view, self: isSelf ? 1 : 0, changes: new Map() } as const;
      return { ...part, least: leastPods(part) };
    }),
  );
}

interface Scored {
  readonly constraint: Constraint;
  /** Small topologies count as much as large ones. */
  readonly weight: number;
  pods(node: NodeInfo, value: string): number;
}

function scored(options: {
  readonly pod: PodInfo;
  readonly constraint: Constraint;
  readonly together: readonly Constraint[];
  readonly candidates: readonly NodeInfo[];
  readonly cluster: Cluster;
}): Scored {
  const { constraint, candidates, cluster } = options;
  const { group, topologyKey } = constraint;
  if (topologyKey === HOSTNAME) {
    const name = JSON.stringify(['node', group]);
    const view = cluster.view(name, () => new NodeCountView(group));
    const pods = (node: NodeInfo): number => view.podsOn(node.name);
    return { constraint, weight: Math.log(candidates.length + 2), pods };
  }
  const view = spreadView(options);
  const values = new Set(candidates.map(({ labels }) => labels[topologyKey] ?? ''));
  const pods = (_: NodeInfo, value: string): number => view.podsIn(value) ?? 0;
  return { constraint, weight: Math.log(values.size + 2), pods };
}

class SpreadScorer implements NodeScorer {
  readonly #scored: readonly Scored[];
  /** Keys that a node must have to be scored at all. */
  readonly #needed: readonly Constraint[];

  constructor(parts: readonly Scored[], needed: readonly Constraint[]) {
    this.#scored = parts;
    this.#needed = needed;
  }

  score(node: NodeInfo): number {
    if (!hasAllKeys(node, this.#needed)) return 0;
    let score = 0;
    for (const each of this.#scored) {
      const value = node.labels[each.constraint.topologyKey];
      if (value === undefined) continue;
      score += each.pods(node, value) * each.weight + (each.constraint.maxSkew - 1);
    }
    return Math.round(score);
  }

  /** The fewest pods are the best; nodes that were not scored get nothing. */
  normalize(scores: number[], nodes: readonly NodeInfo[]): void {
    const counts = nodes.map((node) => hasAllKeys(node, this.#needed));
    let min = Number.POSITIVE_INFINITY;
    let max = 0;
    for (const [i, score] of scores.entries()) {
      if (counts[i] !== true) continue;
      min = Math.min(min, score);
      max = Math.max(max, score);
    }
    for (const [i, score] of scores.entries()) {
      if (counts[i] !== true) scores[i] = 0;
      else if (max === 0) scores[i] = SCORE_MAX;
      else scores[i] = Math.trunc((SCORE_MAX * (max + min - score)) / max);
    }
  }
}

function selects({ selector }: Constraint, pod: Pod): boolean {
  return selector !== undefined && matchesSelector(selector, pod.metadata?.labels);
}

/** Whether a change of another pod, or of the pod itself, may make domains more even. */
function podHelps(pod: PodInfo, event: ClusterEvent, constraints: readonly Constraint[]): boolean {
  const { before, after } = podsOf(event);
  const states = [before, after].filter((each) => each !== undefined);
  const involved = (other: Pod): boolean =>
    other.metadata?.uid === pod.uid ||
    (hasPlace(other) && other.metadata?.namespace === pod.namespace);
  if (!states.every(involved)) return false;
  if (constraints.length === 0) return true;
  if (before === undefined || after === undefined)
    return states.some((other) => constraints.some((each) => selects(each, other)));
  const newToleration =
    after.metadata?.uid === pod.uid &&
    constraints.some(({ honorsTaints }) => honorsTaints) &&
    !equalValues(before.spec?.tolerations, after.spec?.tolerations);
  return (
    newToleration || constraints.some((each) => selects(each, before) !== selects(each, after))
  );
}

/** Whether a node that came, went or changed makes other domains. */
function nodeHelps(event: ClusterEvent, constraints: readonly Constraint[]): boolean {
  const { before, after } = nodesOf(event);
  const keys = constraints.map(({ topologyKey }) => topologyKey);
  const value = (node: Node | undefined, key: string): string | undefined =>
    node?.metadata?.labels?.[key];
  const counts = (node: Node | undefined): boolean =>
    node !== undefined && keys.every((key) => value(node, key) !== undefined);
  if (counts(before) !== counts(after)) return true;
  if (!counts(after)) return false;
  return (
    keys.some((key) => value(before, key) !== value(after, key)) ||
    !equalValues(before?.spec?.taints, after?.spec?.taints)
  );
}

export function podTopologySpreadWith({ defaultConstraints }: PodTopologySpreadArgs): Plugin {
  const defaults = defaultConstraints ?? SYSTEM_DEFAULTS;
  const hard = (pod: PodInfo, cluster: Cluster): readonly Constraint[] =>
    constraintsOf({ pod, defaults, when: 'DoNotSchedule', cluster });
  return {
    name: NAME,
    weight: 2,
    preFilter(pod, cluster) {
      const constraints = hard(pod, cluster);
      if (constraints.length === 0) return undefined;
      return { filter: filterOf(pod, constraints, cluster) };
    },
    preScore(pod, candidates, cluster) {
      const constraints = constraintsOf({ pod, defaults, when: 'ScheduleAnyway', cluster });
      if (constraints.length === 0) return undefined;
      // By the system's own defaults a node without a zone is spread by its name alone.
      const all = hasOwnConstraints(pod) || defaultConstraints !== undefined;
      const together = all ? constraints : [];
      const counted = candidates.filter((node) => hasAllKeys(node, together));
      const parts = constraints.map((constraint) =>
        scored({ pod, constraint, together, candidates: counted, cluster }),
      );
      return new SpreadScorer(parts, together);
    },
    hints: [
      {
        resource: 'Pod',
        actions: ['Add', 'Delete', 'UpdatePodLabel', 'UpdatePodToleration'],
        helps: (pod, event, cluster) => podHelps(pod, event, hard(pod, cluster)),
      },
      {
        resource: 'Node',
        actions: ['Add', 'Delete', 'UpdateNodeLabel', 'UpdateNodeTaint'],
        helps: (pod, event, cluster) => nodeHelps(event, hard(pod, cluster)),
      },
    ],
  };
}

export const podTopologySpread = podTopologySpreadWith({});
