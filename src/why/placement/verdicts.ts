/** What each plug-in of the scheduler has against each node for one pod: all of them, not the first. */
import type { Pod } from '#api/gen/core-v1.ts';
import { FilterRun } from '#scheduler/filter-run.ts';
import { AttemptError, type NodeInfo, type Plugin, type Verdict } from '#scheduler/framework.ts';
import { podInfo } from '#scheduler/pod-info.ts';
import type { Snapshot } from '#scheduler/snapshot.ts';

export interface NodeVerdicts {
  readonly node: string;
  /** Empty: the pod fits. */
  readonly verdicts: readonly Verdict[];
}

export interface Verdicts {
  /** What refuses the pod wherever it might run. */
  readonly everywhere: readonly Verdict[];
  readonly nodes: readonly NodeVerdicts[];
}

/** A cluster, and the plug-ins with which pods are given nodes of it. */
export interface Ground {
  readonly cluster: Snapshot;
  readonly plugins: readonly Plugin[];
}

/** `pod` has no node and is not in the cluster. */
export function verdictsOn(pod: Pod, { cluster, plugins }: Ground): Verdicts {
  const info = podInfo(pod);
  const everywhere: Verdict[] = [];
  const runs: FilterRun[] = [];
  const restrictions: { readonly names: ReadonlySet<string>; readonly verdict: Verdict }[] = [];
  // One plug-in at a time, so that none hides what another has to say.
  for (const plugin of plugins) {
    if (plugin.preFilter === undefined) continue;
    const begun = FilterRun.begin(info, [plugin], cluster);
    if ('refused' in begun) {
      everywhere.push(begun.refused);
      continue;
    }
    runs.push(begun.run);
    if (begun.restriction === undefined) continue;
    const reasons = [`node(s) didn't satisfy plugin ${plugin.name}`];
    const verdict = { plugin: plugin.name, kind: 'UnschedulableAndUnresolvable', reasons } as const;
    restrictions.push({ names: begun.restriction.nodeNames, verdict });
  }
  const nodes = cluster.nodes.map((node) => ({
    node: node.name,
    verdicts: [
      ...restrictions.flatMap(({ names, verdict }) => (names.has(node.name) ? [] : [verdict])),
      ...runs.flatMap((run) => checked(run, node) ?? []),
    ],
  }));
  return { everywhere, nodes };
}

/** What the scheduler has against a node, or why it gives up on it. */
function checked(run: FilterRun, node: NodeInfo): Verdict | undefined {
  try {
    return run.check(node);
  } catch (error) {
    if (!(error instanceof AttemptError)) throw error;
    return { plugin: '', kind: 'UnschedulableAndUnresolvable', reasons: [error.message] };
  }
}

/** Nodes on which nothing speaks against the pod. */
export function fittingNodes(pod: Pod, { cluster, plugins }: Ground): readonly string[] {
  const begun = FilterRun.begin(podInfo(pod), plugins, cluster);
  if ('refused' in begun) return [];
  const { run, restriction } = begun;
  return cluster.nodes
    .filter(({ name }) => restriction === undefined || restriction.nodeNames.has(name))
    .filter((node) => checked(run, node) === undefined)
    .map(({ name }) => name);
}
