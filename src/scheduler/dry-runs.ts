/**
 * What dry runs of preemption found on nodes, kept for the next pod that asks for the same: many
 * pods of one workload make room one after the other, and of thousands of nodes only those have
 * changed meanwhile on which the last ones made it.
 *
 * Only for pods whose filters look at nothing but the pod and the node (`NodeFilter.isLocal`).
 */
import type { FilterRun, Nominations } from './filter-run.ts';
import type { PodInfo, Verdict } from './framework.ts';
import type { NodeEntry } from './node-entry.ts';
import type { Candidate } from './preemption.ts';

/** Kinds of pods that are remembered; the one that was asked for least recently is forgotten. */
const SHAPES_MAX = 32;

export type DryRun = Candidate | Verdict;

interface Known {
  readonly version: number;
  readonly guests: readonly PodInfo[];
  readonly found: DryRun;
}

export class DryRuns {
  readonly #byShape = new Map<string, WeakMap<NodeEntry, Known>>();

  /** `run` on a node for this pod, unless it is known what that would find. */
  for(
    {
      pod,
      filters,
      nominations,
    }: {
      readonly pod: PodInfo;
      readonly filters: FilterRun;
      readonly nominations: Nominations;
    },
    run: (node: NodeEntry) => DryRun,
  ): (node: NodeEntry) => DryRun {
    if (!filters.isLocal) return run;
    const known = this.#ofShape(shapeOf(pod));
    const ownNode = nominations.nodeOf(pod.key);
    return (node) => {
      // The pod does not count against itself: for others of its kind it does.
      if (node.name === ownNode) return run(node);
      const guests = nominations.on(node.name);
      const last = known.get(node);
      if (last?.version === node.version && last.guests === guests) return last.found;
      const found = run(node);
      known.set(node, { version: node.version, guests, found });
      return found;
    };
  }

  #ofShape(shape: string): WeakMap<NodeEntry, Known> {
    const known = this.#byShape.get(shape) ?? new WeakMap<NodeEntry, Known>();
    this.#byShape.delete(shape);
    const oldest = this.#byShape.keys().next().value;
    if (this.#byShape.size >= SHAPES_MAX && oldest !== undefined) this.#byShape.delete(oldest);
    this.#byShape.set(shape, known);
    return known;
  }
}

/**
 * All that filters which are local look at, and the priority. (What makes a node refuse a pod for
 * good need not be here, as such nodes are not tried: it costs little to be sure.)
 */
function shapeOf({ pod: { spec }, priority, requests, ports }: PodInfo): string {
  return JSON.stringify([
    spec?.schedulerName,
    priority,
    { ...requests, others: [...requests.others] },
    ports,
    spec?.nodeSelector,
    spec?.affinity?.nodeAffinity,
    spec?.tolerations,
    spec?.nodeName,
  ]);
}
