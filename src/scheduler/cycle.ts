/**
 * One scheduling cycle: a pod and a snapshot in, a node or the reasons out. Pure.
 *
 * Source: upstream pkg/scheduler/schedule_one.go (findNodesThatPassFilters, prioritizeNodes,
 * selectHost) and framework/types.go (FitError) for the words.
 */
import type { NodeInfo, Plugin, PodInfo, Verdict } from './framework.ts';

export type CycleResult =
  | { readonly node: string }
  | { readonly verdicts: ReadonlyMap<string, Verdict>; readonly message: string };

/** Below this many nodes all are looked at; above, a share that shrinks to 5 %. */
const FEASIBLE_MIN = 100;

export interface CycleOptions {
  readonly pod: PodInfo;
  readonly nodes: ReadonlyMap<string, NodeInfo>;
  readonly plugins: readonly Plugin[];
  /** In [0, 1): breaks ties, and says where the search begins. */
  random(): number;
}

export function scheduleOne(options: CycleOptions): CycleResult {
  const { pod, plugins } = options;
  const nodes = [...options.nodes.values()];
  const verdicts = new Map<string, Verdict>();
  const feasible: NodeInfo[] = [];
  const enough = feasibleEnough(nodes.length);
  const start = nodes.length > FEASIBLE_MIN ? Math.floor(options.random() * nodes.length) : 0;
  for (let i = 0; i < nodes.length && feasible.length < enough; i++) {
    const node = nodes[(start + i) % nodes.length];
    if (node === undefined) break;
    const verdict = firstVerdict(plugins, pod, node);
    if (verdict === undefined) feasible.push(node);
    else verdicts.set(node.name, verdict);
  }
  const [only] = feasible;
  if (only === undefined) return { verdicts, message: fitErrorMessage(nodes.length, verdicts) };
  if (feasible.length === 1) return { node: only.name };
  return { node: best(feasible, totalScores(plugins, pod, feasible), () => options.random()) };
}

/** Upstream's numFeasibleNodesToFind: 50 % less one for each 125 nodes, never under 5 % or 100. */
function feasibleEnough(count: number): number {
  if (count <= FEASIBLE_MIN) return count;
  const percent = Math.max(5, 50 - Math.floor(count / 125));
  return Math.max(FEASIBLE_MIN, Math.floor((count * percent) / 100));
}

function firstVerdict(
  plugins: readonly Plugin[],
  pod: PodInfo,
  node: NodeInfo,
): Verdict | undefined {
  for (const plugin of plugins) {
    const verdict = plugin.filter?.(pod, node);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}

function totalScores(
  plugins: readonly Plugin[],
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): number[] {
  const totals = nodes.map(() => 0);
  for (const plugin of plugins) {
    if (plugin.score === undefined) continue;
    const scores: number[] = [];
    for (const node of nodes) scores.push(plugin.score(pod, node));
    plugin.normalize?.(scores);
    for (const [index, score] of scores.entries()) {
      totals[index] = (totals[index] ?? 0) + score * (plugin.weight ?? 1);
    }
  }
  return totals;
}

/** One of the best, each with the same chance. */
function best(nodes: readonly NodeInfo[], scores: readonly number[], random: () => number): string {
  const top = Math.max(...scores);
  const winners = nodes.filter((_, index) => scores[index] === top);
  return winners[Math.floor(random() * winners.length)]?.name ?? '';
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).` */
export function fitErrorMessage(nodeCount: number, verdicts: ReadonlyMap<string, Verdict>): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const { reasons } of verdicts.values()) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${parts.join(', ')}.`;
}
