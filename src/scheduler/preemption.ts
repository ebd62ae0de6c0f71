/**
 * Making room: which less important pods must go, on which node, so that a pod fits.
 *
 * For each node that evictions might help: all less important pods are taken away, and given back
 * one by one, the most important first, while the pod still fits. What stays away are the victims.
 * Of several nodes the one with the least harm is chosen. Pure. Source: upstream v1.36
 * pkg/scheduler/framework/preemption and plugins/defaultpreemption.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.ts';
import { matchesSelector, selectorOf } from '#api/meta/labels.ts';
import { type Diagnosis, fitErrorMessage, verdictOn } from './diagnosis.ts';
import type { DryRun, DryRuns } from './dry-runs.ts';
import type { FilterRun, Nominations } from './filter-run.ts';
import type { PodInfo, Verdict } from './framework.ts';
import type { NodeEntry } from './node-entry.ts';
import type { Snapshot } from './snapshot.ts';

export interface DefaultPreemptionArgs {
  /** How many nodes are tried: this share of those that may help, and not fewer than this many. */
  readonly minCandidateNodesPercentage?: number;
  readonly minCandidateNodesAbsolute?: number;
}

const CANDIDATES_PERCENT = 10;
const CANDIDATES_MIN = 100;
/** Makes all priorities positive: many victims of low priority are worse than one. */
const PRIORITY_SHIFT = 2 ** 31;

export interface PreemptionOptions {
  readonly pod: PodInfo;
  /** The filters that refused the pod. */
  readonly run: FilterRun | undefined;
  readonly diagnosis: Diagnosis;
  readonly cluster: Snapshot;
  readonly nominations: Nominations;
  readonly nowMs: number;
  /** What was found for other pods is used, and kept for the next ones. */
  readonly dryRuns?: DryRuns;
  readonly args?: DefaultPreemptionArgs;
  random(): number;
}

export interface Candidate {
  readonly node: string;
  /** The most important first; never empty. */
  readonly victims: readonly PodInfo[];
  /** Victims whose disruption budget does not allow it. */
  readonly violations: number;
}

export type PreemptionResult =
  | Candidate
  /** `keep`: the pod's nomination stands. */
  | { readonly message: string; readonly keep: boolean };

export function preempt(options: PreemptionOptions): PreemptionResult {
  const found = preemptionCandidates(options);
  if ('message' in found) return found;
  return leastHarm(found, options.nowMs) ?? NO_CANDIDATE;
}

/** Of several candidates none is left: whoever was asked besides has taken them away. */
export const NO_CANDIDATE = {
  message: 'preemption: no candidate node for preemption',
  keep: true,
} as const;

/** The nodes on which room can be made; at least one, or why there is none. */
export function preemptionCandidates(
  options: PreemptionOptions,
): readonly Candidate[] | Extract<PreemptionResult, { readonly message: string }> {
  const reason = ineligible(options);
  if (reason !== undefined) return { message: `preemption: ${reason}`, keep: true };
  const { candidates, verdicts } = findCandidates(options);
  if (candidates.length > 0) return candidates;
  const message = fitErrorMessage({
    nodeCount: options.diagnosis.nodeCount,
    verdicts,
    others: unresolvable('Preemption is not helpful for scheduling'),
  });
  return { message: `preemption: ${message}`, keep: false };
}

function unresolvable(reason: string): Verdict {
  return { plugin: '', kind: 'UnschedulableAndUnresolvable', reasons: [reason] };
}

/** Why the pod may not preempt others now. */
function ineligible(options: PreemptionOptions): string | undefined {
  const { pod, cluster, nominations, diagnosis } = options;
  if (pod.pod.spec?.preemptionPolicy === 'Never')
    return 'not eligible due to preemptionPolicy=Never.';
  const nominated = nominations.nodeOf(pod.key);
  if (nominated === undefined) return undefined;
  if (verdictOn(diagnosis, nominated)?.kind === 'UnschedulableAndUnresolvable') return undefined;
  const pods = [...(cluster.node(nominated)?.pods.values() ?? [])];
  return pods.some((other) => other.priority < pod.priority && isEndingForUs(other.pod))
    ? 'not eligible due to a terminating pod on the nominated node.'
    : undefined;
}

function isEndingForUs({ metadata, status }: Pod): boolean {
  if (metadata?.deletionTimestamp === undefined) return false;
  const target = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return target?.status === 'True' && target.reason === 'PreemptionByScheduler';
}

interface Found {
  readonly candidates: readonly Candidate[];
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

function findCandidates(options: PreemptionOptions): Found {
  const { cluster, diagnosis, run, args } = options;
  const verdicts = new Map<string, Verdict>();
  const kind = 'Unschedulable';
  const nodes = cluster.nodes.filter(({ name }) => verdictOn(diagnosis, name)?.kind === kind);
  if (run === undefined || nodes.length === 0) return { candidates: [], verdicts };
  const enough = candidatesEnough(nodes.length, args);
  const budgets = cluster.objects.disruptionBudgets();
  const dryRun: DryRunOptions = { ...options, run, budgets };
  const tryNow = (node: NodeEntry): DryRun => victimsOn(node, dryRun);
  // What a budget allows changes without that the node does.
  const tryOn =
    options.dryRuns === undefined || budgets.length > 0
      ? tryNow
      : options.dryRuns.for({ ...options, filters: run }, tryNow);
  const offset = Math.floor(options.random() * nodes.length);
  const harmless: Candidate[] = [];
  const violating: Candidate[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[(offset + i) % nodes.length];
    if (node === undefined) break;
    const result = tryOn(node);
    if ('victims' in result) (result.violations === 0 ? harmless : violating).push(result);
    else verdicts.set(node.name, result);
    if (harmless.length > 0 && harmless.length + violating.length >= enough) break;
  }
  return { candidates: [...harmless, ...violating], verdicts };
}

function candidatesEnough(nodes: number, args: DefaultPreemptionArgs = {}): number {
  const percent = args.minCandidateNodesPercentage ?? CANDIDATES_PERCENT;
  const least = args.minCandidateNodesAbsolute ?? CANDIDATES_MIN;
  return Math.min(nodes, Math.max(Math.floor((nodes * percent) / 100), least));
}

interface DryRunOptions extends Pick<PreemptionOptions, 'pod' | 'nominations' | 'nowMs'> {
  readonly run: FilterRun;
  readonly budgets: readonly PodDisruptionBudget[];
}

/** The fewest pods that must leave the node, or why that would not help. */
function victimsOn(original: NodeEntry, options: DryRunOptions): DryRun {
  const { pod, nominations, nowMs, budgets } = options;
  const node = original.fork();
  const run = options.run.fork();
  const take = (victim: PodInfo): void => {
    node.remove(victim);
    run.count(victim, node, -1);
  };
  const fits = (): Verdict | undefined => run.checkWith(nominations, node);
  const possible = [...original.pods.values()].filter(({ priority }) => priority < pod.priority);
  if (possible.length === 0) return unresolvable('No preemption victims found for incoming pod');
  for (const victim of possible) take(victim);
  const refused = fits();
  if (refused !== undefined) return refused;
  const ordered = byImportance(possible, nowMs);
  const { violating, harmless } = splitByBudgets(ordered, budgets);
  const victims: PodInfo[] = [];
  let violations = 0;
  for (const each of [...violating, ...harmless]) {
    node.add(each);
    run.count(each, node, 1);
    if (fits() === undefined) continue;
    take(each);
    victims.push(each);
    if (violating.includes(each)) violations += 1;
  }
  if (victims.length === 0) return unresolvable('No preemption victims found for incoming pod');
  // Those that budgets protect came first.
  if (violating.length > 0) victims.sort((a, b) => ordered.indexOf(a) - ordered.indexOf(b));
  return { node: node.name, victims, violations };
}

/** The most important first: by priority, then those that have run for longer. */
function byImportance(pods: readonly PodInfo[], nowMs: number): PodInfo[] {
  return pods
    .map((pod) => ({ pod, started: startMs(pod, nowMs) }))
    .sort((a, b) => b.pod.priority - a.pod.priority || a.started - b.started)
    .map(({ pod }) => pod);
}

/** When it started; a pod that has not yet starts now. */
function startMs({ pod }: PodInfo, nowMs: number): number {
  const text = pod.status?.startTime;
  return text === undefined ? nowMs : Date.parse(text);
}

/** Pods that some disruption budget does not let go, when they go in this order, and the rest. */
function splitByBudgets(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { readonly violating: PodInfo[]; readonly harmless: PodInfo[] } {
  const left = budgets.map((budget) => ({
    budget,
    selector: selectorOf(budget.spec?.selector) ?? [],
    allowed: budget.status?.disruptionsAllowed ?? 0,
  }));
  const violating: PodInfo[] = [];
  const harmless: PodInfo[] = [];
  for (const pod of pods) {
    let violates = false;
    for (const each of left) {
      const { metadata, status } = each.budget;
      // A budget that selects everything protects nothing here, as upstream.
      if (metadata?.namespace !== pod.namespace || each.selector.length === 0) continue;
      if (Object.keys(pod.labels).length === 0) continue;
      if (!matchesSelector(each.selector, pod.labels)) continue;
      if (status?.disruptedPods?.[pod.pod.metadata?.name ?? ''] !== undefined) continue;
      each.allowed -= 1;
      if (each.allowed < 0) violates = true;
    }
    (violates ? violating : harmless).push(pod);
  }
  return { violating, harmless };
}

/** The candidate that is best by the first of the criteria that tells them apart. */
export function leastHarm(candidates: readonly Candidate[], nowMs: number): Candidate | undefined {
  const criteria: readonly ((candidate: Candidate) => number)[] = [
    ({ violations }) => violations,
    ({ victims }) => victims[0]?.priority ?? 0,
    ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + PRIORITY_SHIFT, 0),
    ({ victims }) => victims.length,
    // The later the most important victim started, the less is lost.
    ({ victims }) => -earliestStartMs(victims, nowMs),
  ];
  let left = candidates;
  for (const harm of criteria) {
    if (left.length <= 1) break;
    const harms = left.map(harm);
    const least = Math.min(...harms);
    left = left.filter((_, index) => harms[index] === least);
  }
  return left[0];
}

/** When the first of the most important victims started. */
function earliestStartMs(victims: readonly PodInfo[], nowMs: number): number {
  const top = Math.max(...victims.map(({ priority }) => priority));
  const starts = victims.filter(({ priority }) => priority === top);
  return Math.min(...starts.map((victim) => startMs(victim, nowMs)));
}
