/**
 * One scheduling cycle: a pod and a snapshot in, a node or the reasons out. Pure.
 *
 *   preFilter ─▶ filter, node by node, until enough will do ─▶ preScore ─▶ score ─▶ the best
 *
 * Source: upstream pkg/scheduler/schedule_one.go (findNodesThatFitPod, prioritizeNodes,
 * selectHost), v1.36.
 */
import { type Diagnosis, fitErrorMessage } from './diagnosis.ts';
import { FilterRun, leftOut, type Nominations, type Restriction } from './filter-run.ts';
import type { NodeInfo, NodeScorer, Plugin, PodInfo, Verdict } from './framework.ts';
import type { CycleMeter } from './framework-metrics.ts';
import type { NodeEntry } from './node-entry.ts';
import type { Snapshot } from './snapshot.ts';

/** A node for the pod, and the filters that let it in. */
export interface Placement {
  readonly node: string;
  readonly run: FilterRun;
  /** Nodes that were looked at: the next cycle begins after them. */
  readonly looked: number;
}

export interface Refusal {
  readonly diagnosis: Diagnosis;
  readonly message: string;
  /** Absent when a plug-in refused before any node was looked at. */
  readonly run?: FilterRun;
  readonly looked: number;
}

export type CycleResult = Placement | Refusal;

/** Fewer nodes than this are all looked at. */
const FEASIBLE_MIN = 100;
const PERCENT_MIN = 5;

export interface CycleOptions {
  readonly pod: PodInfo;
  readonly cluster: Snapshot;
  readonly plugins: readonly Plugin[];
  readonly nominations: Nominations;
  /** The node at which the search begins, as a place in the order. */
  readonly start: number;
  /** How many per cent of the nodes must do before the search ends; 0 or absent: by their number. */
  readonly percentageOfNodesToScore?: number;
  /** No plug-in tells nodes apart: the first that will do is taken. */
  readonly oneIsEnough?: boolean;
  /** Who is told how long things take. */
  readonly meter?: CycleMeter;
  /** In [0, 1): breaks ties. */
  random(): number;
}

export function scheduleOne(options: CycleOptions): CycleResult {
  const nodeCount = options.cluster.nodes.length;
  const begun = beginCycle(options);
  if ('diagnosis' in begun) return begun;
  const { run, restriction } = begun;
  const nominated = nominatedNode(options, run);
  if (nominated !== undefined) return { node: nominated, run, looked: 0 };
  const search = findNodes(options, run, restriction);
  const { feasible, looked } = search;
  const [only] = feasible;
  if (only === undefined)
    return refusalOf({ nodeCount, ...verdictsOf(search, restriction) }, { run, looked });
  if (feasible.length === 1) return { node: only.name, run, looked };
  return { node: best(feasible, totalScores(options, feasible, run), options), run, looked };
}

/** Asks what is asked once for a pod: the filters of its nodes, or why there is nothing to ask. */
export function beginCycle(
  options: CycleOptions,
): Refusal | { readonly run: FilterRun; readonly restriction: Restriction | undefined } {
  const { pod, plugins, cluster } = options;
  const nodeCount = cluster.nodes.length;
  const nothing = { nodeCount, verdicts: new Map<string, Verdict>() };
  if (nodeCount === 0) return refusalOf(nothing, { looked: 0 });
  const begun = FilterRun.begin(pod, plugins, cluster, options.meter);
  return 'refused' in begun
    ? refusalOf({ ...nothing, before: begun.refused }, { looked: 0 })
    : begun;
}

export function refusalOf(
  diagnosis: Diagnosis,
  rest: { readonly run?: FilterRun; readonly looked: number },
): Refusal {
  return { diagnosis, message: fitErrorMessage(diagnosis), ...rest };
}

/** The node that was made free for the pod, when it will do. */
export function nominatedNode(
  { pod, cluster, nominations, meter }: CycleOptions,
  run: FilterRun,
): string | undefined {
  const name = nominations.nodeOf(pod.key);
  const node = name === undefined ? undefined : cluster.node(name);
  if (node === undefined) return undefined;
  const startMs = meter?.now() ?? 0;
  const verdict = run.checkWith(nominations, node);
  run.searched(1, verdict === undefined ? [] : [verdict]);
  meter?.point('Filter', 'Success', startMs);
  return verdict === undefined ? name : undefined;
}

interface Search {
  readonly feasible: NodeEntry[];
  readonly refused: readonly NodeEntry[];
  /** Of each of `refused`. */
  readonly verdicts: readonly Verdict[];
  readonly looked: number;
}

export function findNodes(
  options: CycleOptions,
  run: FilterRun,
  restriction: Restriction | undefined,
): Search {
  const { cluster, nominations } = options;
  const nodes = restriction === undefined ? cluster.nodes : namedNodes(cluster, restriction);
  const enough =
    options.oneIsEnough === true
      ? 1
      : feasibleEnough(nodes.length, options.percentageOfNodesToScore ?? 0);
  const startMs = options.meter?.now() ?? 0;
  const feasible: NodeEntry[] = [];
  const refused: NodeEntry[] = [];
  const verdicts: Verdict[] = [];
  let index = nodes.length === 0 ? 0 : options.start % nodes.length;
  let looked = 0;
  for (; looked < nodes.length && feasible.length < enough; looked++) {
    const node = nodes[index];
    if (node === undefined) break;
    index = index + 1 === nodes.length ? 0 : index + 1;
    const verdict = run.checkWith(nominations, node);
    if (verdict === undefined) feasible.push(node);
    else {
      refused.push(node);
      verdicts.push(verdict);
    }
  }
  run.searched(looked, verdicts);
  options.meter?.point('Filter', 'Success', startMs);
  return { feasible, refused, verdicts, looked };
}

function namedNodes(cluster: Snapshot, { nodeNames }: Restriction): NodeEntry[] {
  return [...nodeNames].flatMap((name) => cluster.node(name) ?? []);
}

export function verdictsOf(
  { refused, verdicts: given }: Search,
  restriction: Restriction | undefined,
) {
  const verdicts = new Map<string, Verdict>();
  for (const [index, verdict] of given.entries()) {
    const name = refused[index]?.name;
    if (name !== undefined) verdicts.set(name, verdict);
  }
  return restriction === undefined ? { verdicts } : { verdicts, others: leftOut(restriction) };
}

/** Upstream's numFeasibleNodesToFind: 50 % less one for each 125 nodes, never under 5 % or 100. */
function feasibleEnough(count: number, asked: number): number {
  if (count < FEASIBLE_MIN) return count;
  const percent = asked > 0 ? asked : Math.max(PERCENT_MIN, 50 - Math.floor(count / 125));
  return Math.max(FEASIBLE_MIN, Math.floor((count * percent) / 100));
}

export function totalScores(
  options: CycleOptions,
  nodes: readonly NodeInfo[],
  run: FilterRun,
): number[] {
  const { meter } = options;
  const asked = scorersOf(options, nodes, run);
  const startMs = meter?.now() ?? 0;
  const totals = nodes.map(() => 0);
  const scores = nodes.map(() => 0);
  for (const { name, weight, scorer } of asked) {
    score(nodes, scores, { name, scorer, meter });
    for (let i = 0; i < nodes.length; i++) totals[i] = (totals[i] ?? 0) + (scores[i] ?? 0) * weight;
  }
  meter?.point('Score', 'Success', startMs);
  return totals;
}

interface Scoring {
  readonly name: string;
  readonly weight: number;
  readonly scorer: NodeScorer;
}

/** Asks what is asked once for a pod. */
function scorersOf(
  { pod, plugins, cluster, meter }: CycleOptions,
  nodes: readonly NodeInfo[],
  { filters }: FilterRun,
): Scoring[] {
  const startMs = meter?.now() ?? 0;
  const asked: Scoring[] = [];
  for (const plugin of plugins) {
    if (plugin.preScore === undefined) continue;
    const { name, weight = 1 } = plugin;
    const ask = (): NodeScorer | undefined => plugin.preScore?.(pod, nodes, cluster, filters);
    const status = (scorer: NodeScorer | undefined) => (scorer === undefined ? 'Skip' : 'Success');
    const scorer = meter === undefined ? ask() : meter.ask(name, 'PreScore', { ask, status });
    if (scorer === undefined) continue;
    meter?.asked(name, 'PreScore');
    asked.push({ name, weight, scorer });
  }
  meter?.point('PreScore', 'Success', startMs);
  return asked;
}

const scored = (): 'Success' => 'Success';

function score(
  nodes: readonly NodeInfo[],
  scores: number[],
  { name, scorer, meter }: Omit<Scoring, 'weight'> & { meter: CycleMeter | undefined },
): void {
  const timed = Math.min(nodes.length, meter?.sampledNodes ?? 0);
  let i = 0;
  for (const node of nodes) {
    const isTimed = i < timed && meter !== undefined;
    scores[i++] = isTimed
      ? meter.ask(name, 'Score', { ask: () => scorer.score(node), status: scored })
      : scorer.score(node);
  }
  meter?.asked(name, 'Score', nodes.length);
  scorer.normalize?.(scores, nodes);
}

/** One of the best, each with the same chance. */
export function best(
  nodes: readonly NodeInfo[],
  scores: readonly number[],
  options: Pick<CycleOptions, 'random'>,
): string {
  let top = Number.NEGATIVE_INFINITY;
  for (const score of scores) if (score > top) top = score;
  const winners = nodes.filter((_, index) => scores[index] === top);
  return winners[Math.floor(options.random() * winners.length)]?.name ?? '';
}
