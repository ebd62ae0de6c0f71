/**
 * How many pods of a kind are in each topology domain, kept by deltas (see `views.ts`).
 *
 * Source: KEP-895, KEP-3094 (which nodes count), KEP-3243.
 */
import type { Selector } from '#api/meta/labels.ts';
import { matchesSelector } from '#api/meta/labels.ts';
import type { NodeInfo, PodInfo } from './framework.ts';
import type { View } from './views.ts';

/** Pods of one namespace that a selector means; those that are being deleted do not count. */
export interface PodGroup {
  readonly namespace: string;
  readonly selector: Selector;
}

function isIn({ namespace, selector }: PodGroup, pod: PodInfo): boolean {
  return (
    pod.namespace === namespace &&
    // As upstream: a selector of everything counts nothing.
    selector.length > 0 &&
    pod.pod.metadata?.deletionTimestamp === undefined &&
    matchesSelector(selector, pod.labels)
  );
}

interface Domain {
  pods: number;
  nodes: number;
}

export class SpreadView implements View {
  readonly #group: PodGroup;
  readonly #topologyKey: string;
  readonly #counts: (node: NodeInfo) => boolean;
  readonly #domains = new Map<string, Domain>();
  /** How many domains have so many pods: the least is found without looking at each domain. */
  readonly #histogram = new Map<number, number>();

  /** `counts`: whether a node is part of a domain at all. */
  constructor(options: {
    readonly group: PodGroup;
    readonly topologyKey: string;
    counts(node: NodeInfo): boolean;
  }) {
    this.#group = options.group;
    this.#topologyKey = options.topologyKey;
    this.#counts = (node) => options.counts(node);
  }

  get domainCount(): number {
    return this.#domains.size;
  }

  /** Pods in a domain; undefined when there is no such domain. */
  podsIn(value: string): number | undefined {
    return this.#domains.get(value)?.pods;
  }

  /** The least number of pods in any domain, if there were `changes` more in some; 0 for none. */
  leastPods(changes: ReadonlyMap<string, number>): number {
    const histogram = changes.size === 0 ? this.#histogram : new Map(this.#histogram);
    for (const [value, delta] of changes) {
      const pods = this.podsIn(value);
      if (pods !== undefined) move(histogram, pods, pods + delta);
    }
    let least = Number.POSITIVE_INFINITY;
    for (const pods of histogram.keys()) if (pods < least) least = pods;
    return least === Number.POSITIVE_INFINITY ? 0 : least;
  }

  /** The domain that a pod on this node counts in. */
  domainOf(pod: PodInfo, node: NodeInfo): string | undefined {
    if (!isIn(this.#group, pod)) return undefined;
    const value = node.labels[this.#topologyKey];
    return value !== undefined && this.#counts(node) ? value : undefined;
  }

  addNode(node: NodeInfo): void {
    const value = node.labels[this.#topologyKey];
    if (value === undefined || !this.#counts(node)) return;
    const known = this.#domains.get(value);
    if (known !== undefined) {
      known.nodes += 1;
      return;
    }
    this.#domains.set(value, { pods: 0, nodes: 1 });
    move(this.#histogram, undefined, 0);
  }

  removeNode(node: NodeInfo): void {
    const value = node.labels[this.#topologyKey];
    if (value === undefined || !this.#counts(node)) return;
    const known = this.#domains.get(value);
    if (known === undefined) return;
    known.nodes -= 1;
    if (known.nodes > 0) return;
    this.#domains.delete(value);
    move(this.#histogram, known.pods, undefined);
  }

  count(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    const value = this.domainOf(pod, node);
    const domain = value === undefined ? undefined : this.#domains.get(value);
    if (domain === undefined) return;
    move(this.#histogram, domain.pods, domain.pods + delta);
    domain.pods += delta;
  }
}

/** One domain goes from having `from` pods to having `to`; undefined: it was not, or is not there. */
function move(
  histogram: Map<number, number>,
  from: number | undefined,
  to: number | undefined,
): void {
  if (from !== undefined) {
    const left = (histogram.get(from) ?? 0) - 1;
    if (left > 0) histogram.set(from, left);
    else histogram.delete(from);
  }
  if (to !== undefined) histogram.set(to, (histogram.get(to) ?? 0) + 1);
}

/** How many pods of a group are on each node. */
export class NodeCountView implements View {
  readonly #group: PodGroup;
  readonly #counts = new Map<string, number>();

  constructor(group: PodGroup) {
    this.#group = group;
  }

  podsOn(node: string): number {
    return this.#counts.get(node) ?? 0;
  }

  count(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    if (!isIn(this.#group, pod)) return;
    const next = this.podsOn(node.name) + delta;
    if (next > 0) this.#counts.set(node.name, next);
    else this.#counts.delete(node.name);
  }
}
