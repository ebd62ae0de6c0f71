/**
 * A scheduling cycle that asks extenders: as `cycle.ts`, but it waits for what they answer.
 *
 * Filters are asked one after the other, each of the nodes that the one before left; scores of all
 * are added. Source: upstream v1.36 pkg/scheduler/schedule_one.go (findNodesThatPassExtenders,
 * prioritizeNodes, extendersBinding), framework/preemption/preemption.go (callExtenders).
 */
import type { Environment } from '#base/env.ts';
import {
  best,
  beginCycle,
  type CycleOptions,
  type CycleResult,
  findNodes,
  nominatedNode,
  refusalOf,
  totalScores,
  verdictsOf,
} from './cycle.ts';
import type { Extender, NodeVictims } from './extender.ts';
import { type PodInfo, SCORE_MAX, type Verdict } from './framework.ts';
import type { NodeEntry } from './node-entry.ts';
import type { Candidate } from './preemption.ts';
import type { Snapshot } from './snapshot.ts';

/** Among the plug-ins that refused a pod, extenders have this name: any event may help. */
export const EXTENDER = 'Extender';
/** An extender gives 0 to 10 points, a plug-in 0 to 100. */
const EXTENDER_SCORE_MAX = 10;

export class Extenders {
  readonly #all: readonly Extender[];
  readonly #environment: Pick<Environment, 'log'>;

  /** Those that may fail come last, as upstream. */
  constructor(all: readonly Extender[], environment: Pick<Environment, 'log'>) {
    this.#all = [
      ...all.filter(({ isIgnorable }) => !isIgnorable),
      ...all.filter(({ isIgnorable }) => isIgnorable),
    ];
    this.#environment = environment;
  }

  get size(): number {
    return this.#all.length;
  }

  /** Whether a decision on the pod has to wait for somebody. */
  decideOn({ pod }: PodInfo): boolean {
    return this.#all.some(
      (each) => (each.isFilter || each.isPrioritizer || each.isPreempter) && each.isInterested(pod),
    );
  }

  /** As `scheduleOne`. Rejects when an extender that may not fail does. */
  async schedule(options: CycleOptions): Promise<CycleResult> {
    const { cluster } = options;
    const nodeCount = cluster.nodes.length;
    const begun = beginCycle(options);
    if ('diagnosis' in begun) return begun;
    const { run, restriction } = begun;
    const nominated = cluster.node(nominatedNode(options, run) ?? '');
    if (nominated !== undefined && (await this.#lets(options.pod, nominated)))
      return { node: nominated.name, run, looked: 0 };
    const search = findNodes(
      { ...options, oneIsEnough: options.oneIsEnough === true && !this.#tellsApart },
      run,
      restriction,
    );
    const { looked } = search;
    const found = verdictsOf(search, restriction);
    const verdicts = new Map(found.verdicts);
    const feasible = await this.#filter(options.pod, search.feasible, verdicts);
    const [only] = feasible;
    if (only === undefined) return refusalOf({ nodeCount, ...found, verdicts }, { run, looked });
    if (feasible.length === 1) return { node: only.name, run, looked };
    const points = await this.#points(options.pod, feasible);
    const scores = totalScores(options, feasible, run).map(
      (score, i) => score + (points.get(feasible[i]?.name ?? '') ?? 0),
    );
    return { node: best(feasible, scores, options), run, looked };
  }

  /** True when an extender has bound the pod, or false when that is left to the scheduler. */
  async bind({ pod }: PodInfo, node: string): Promise<boolean> {
    for (const extender of this.#all) {
      if (!extender.isBinder || !extender.isInterested(pod)) continue;
      try {
        await extender.bind(pod, node);
        return true;
      } catch (error) {
        if (!extender.isIgnorable) throw error;
        this.#skipped(extender, error);
      }
    }
    return false;
  }

  /** The candidates that extenders leave. Rejects as `schedule`. */
  async preempt(
    { pod }: PodInfo,
    candidates: readonly Candidate[],
    cluster: Snapshot,
  ): Promise<readonly Candidate[]> {
    let left = new Map<string, NodeVictims>(candidates.map((each) => [each.node, each]));
    for (const extender of this.#all) {
      if (left.size === 0) break;
      if (!extender.isPreempter || !extender.isInterested(pod)) continue;
      try {
        left = withVictims(
          extender,
          await extender.preempt(pod, left, (node) => cluster.node(node)?.pods.values()),
        );
      } catch (error) {
        if (!extender.isIgnorable) throw error;
        this.#skipped(extender, error);
      }
    }
    return [...left].map(([node, each]) => ({ node, ...each }));
  }

  get #tellsApart(): boolean {
    return this.#all.some(({ isFilter, isPrioritizer }) => isFilter || isPrioritizer);
  }

  async #lets(pod: PodInfo, node: NodeEntry): Promise<boolean> {
    try {
      return (await this.#filter(pod, [node], new Map())).length > 0;
    } catch (error) {
      this.#environment.log.warn('evaluation failed on nominated node', {
        pod: pod.key,
        node: node.name,
        error: String(error),
      });
      return false;
    }
  }

  /** The nodes that all extenders let; what they say of others is added to `verdicts`. */
  async #filter(
    { pod }: PodInfo,
    nodes: readonly NodeEntry[],
    verdicts: Map<string, Verdict>,
  ): Promise<readonly NodeEntry[]> {
    let left = nodes;
    for (const extender of this.#all) {
      if (left.length === 0) break;
      if (!extender.isFilter || !extender.isInterested(pod)) continue;
      try {
        const answer = await extender.filter(
          pod,
          left.map(({ node }) => node),
        );
        const kept = new Set(answer.nodeNames);
        for (const { name } of left)
          if (!kept.has(name)) verdicts.set(name, refused('UnschedulableAndUnresolvable'));
        for (const [name, reason] of answer.failed)
          verdicts.set(name, refused('Unschedulable', reason));
        for (const [name, reason] of answer.unresolvable)
          verdicts.set(name, refused('UnschedulableAndUnresolvable', reason));
        left = left.filter(({ name }) => kept.has(name));
      } catch (error) {
        if (!extender.isIgnorable) throw error;
        this.#skipped(extender, error);
      }
    }
    return left;
  }

  /** An extender that fails gives no points. */
  async #points(
    { pod }: PodInfo,
    entries: readonly NodeEntry[],
  ): Promise<ReadonlyMap<string, number>> {
    const nodes = entries.map(({ node }) => node);
    const sums = new Map<string, number>();
    const asked = this.#all.filter((each) => each.isPrioritizer && each.isInterested(pod));
    await Promise.all(
      asked.map(async (extender) => {
        try {
          for (const [node, score] of await extender.prioritize(pod, nodes)) {
            const points = score * extender.weight * (SCORE_MAX / EXTENDER_SCORE_MAX);
            sums.set(node, (sums.get(node) ?? 0) + points);
          }
        } catch (error) {
          this.#skipped(extender, error);
        }
      }),
    );
    return sums;
  }

  #skipped({ name }: Extender, error: unknown): void {
    this.#environment.log.info('skipping an extender that failed', {
      extender: name,
      error: String(error),
    });
  }
}

function refused(kind: Verdict['kind'], ...reasons: string[]): Verdict {
  return { plugin: EXTENDER, kind, reasons };
}

/** Nodes without victims are no candidates; only of an extender that may fail they are passed over. */
function withVictims(
  { isIgnorable }: Extender,
  nodes: Map<string, NodeVictims>,
): Map<string, NodeVictims> {
  for (const [node, { victims }] of nodes) {
    if (victims.length > 0) continue;
    if (!isIgnorable)
      throw new Error(`expected at least one victim pod on node ${JSON.stringify(node)}`);
    nodes.delete(node);
  }
  return nodes;
}
