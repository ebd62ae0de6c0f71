/**
 * Affinity terms of the pods that are on nodes, counted by topology value.
 *
 * Pods from one template have the same terms: a decision looks at each distinct term once, not at
 * each pod, and counts are kept by deltas. Upstream walks all pods with affinity for each pod it
 * schedules.
 */
import type { AffinityTerm } from './affinity-terms.ts';

export interface IndexedTerm {
  readonly term: AffinityTerm;
  /** What one pod counts. */
  readonly weight: number;
  /** By value of the term's topology key: how many pods there have the term. Never zero. */
  readonly byValue: ReadonlyMap<string, number>;
}

interface Entry extends IndexedTerm {
  readonly byValue: Map<string, number>;
}

type Labels = Readonly<Record<string, string>>;

export class TermIndex {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<IndexedTerm> {
    return this.#entries.values();
  }

  /** A pod with `term` comes to (+1) or leaves (-1) a node with `labels`. */
  count(options: {
    readonly term: AffinityTerm;
    readonly weight: number;
    readonly labels: Labels;
    readonly delta: 1 | -1;
  }): void {
    const { term, weight, labels, delta } = options;
    const value = labels[term.topologyKey];
    if (value === undefined) return;
    const key = weight === 1 ? term.key : `${weight} ${term.key}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { term, weight, byValue: new Map() };
      this.#entries.set(key, entry);
    }
    const next = (entry.byValue.get(value) ?? 0) + delta;
    if (next > 0) entry.byValue.set(value, next);
    else entry.byValue.delete(value);
    if (entry.byValue.size === 0) this.#entries.delete(key);
  }
}
