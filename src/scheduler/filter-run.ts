/**
 * The filters of one pod: what each plug-in found out before, asked for each node in order.
 *
 * Pods that are nominated to a node (they wait there for others to end) count as if they ran
 * there, for pods that are not more important. Source: upstream
 * pkg/scheduler/framework/runtime/framework.go (RunPreFilterPlugins,
 * RunFilterPluginsWithNominatedPods).
 */
import type { Cluster } from './cluster.ts';
import type {
  NodeFilter,
  NodeInfo,
  Plugin,
  PodInfo,
  PreFilterResult,
  Verdict,
} from './framework.ts';
import type { CycleMeter, PointStatus } from './framework-metrics.ts';
import type { NodeEntry } from './node-entry.ts';

/** Pods that have a node kept for them. */
export interface Nominations {
  readonly size: number;
  /** The same list as long as it is the same pods. */
  on(node: string): readonly PodInfo[];
  /** The node of the pod with this key. */
  nodeOf(key: string): string | undefined;
}

type Begun =
  | { readonly refused: Verdict }
  | { readonly run: FilterRun; readonly restriction: Restriction | undefined };

/** The only nodes that some plug-ins leave. */
export interface Restriction {
  readonly nodeNames: ReadonlySet<string>;
  readonly plugins: readonly string[];
}

/** Who times the filters, and which plug-in each of them is of. */
interface Watched {
  readonly meter: CycleMeter;
  readonly names: readonly string[];
}

interface Asking {
  readonly cluster: Cluster;
  readonly meter: CycleMeter | undefined;
}

interface Beginning extends Asking {
  readonly pod: PodInfo;
  readonly plugins: readonly Plugin[];
}

const statusOf = (verdict: Verdict | undefined): PointStatus => verdict?.kind ?? 'Success';

function preFilter(plugin: Plugin, pod: PodInfo, { cluster, meter }: Asking): PreFilterResult {
  if (meter === undefined || meter.sampledNodes === 0) return plugin.preFilter?.(pod, cluster);
  return meter.ask<PreFilterResult>(plugin.name, 'PreFilter', {
    ask: () => plugin.preFilter?.(pod, cluster),
    status: (result) => {
      if (result === undefined) return 'Skip';
      return 'refused' in result ? result.refused.kind : 'Success';
    },
  });
}

/** Verdicts of one plug-in often come in a row. */
function countsByPlugin(verdicts: readonly Verdict[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < verdicts.length; ) {
    const plugin = verdicts[i]?.plugin ?? '';
    const from = i;
    while (i < verdicts.length && verdicts[i]?.plugin === plugin) i++;
    counts.set(plugin, (counts.get(plugin) ?? 0) + i - from);
  }
  return counts;
}

export class FilterRun {
  readonly pod: PodInfo;
  readonly filters: readonly NodeFilter[];
  /** Whether any filter has counted pods. */
  readonly #counts: boolean;
  readonly #watched: Watched | undefined;
  /** Nodes at which filters are still to be timed. */
  #timed: number;

  constructor(pod: PodInfo, filters: readonly NodeFilter[], watched?: Watched) {
    this.pod = pod;
    this.filters = filters;
    this.#watched = watched;
    this.#timed = watched?.meter.sampledNodes ?? 0;
    this.#counts = filters.some((filter) => filter.count !== undefined);
  }

  /** Asks every plug-in once. The first that refuses for good ends it. */
  static begin(
    pod: PodInfo,
    plugins: readonly Plugin[],
    cluster: Cluster,
    meter?: CycleMeter,
  ): Begun {
    const startMs = meter?.now() ?? 0;
    const begun = FilterRun.#begin({ pod, plugins, cluster, meter });
    meter?.point('PreFilter', 'refused' in begun ? begun.refused.kind : 'Success', startMs);
    return begun;
  }

  static #begin({ pod, plugins, cluster, meter }: Beginning): Begun {
    const filters: NodeFilter[] = [];
    const names: string[] = [];
    let restriction: Restriction | undefined;
    let refused: Verdict | undefined;
    for (const plugin of plugins) {
      if (plugin.preFilter === undefined) continue;
      const result = preFilter(plugin, pod, { cluster, meter });
      if (result === undefined) continue;
      meter?.asked(plugin.name, 'PreFilter');
      if ('refused' in result) {
        if (result.refused.kind === 'UnschedulableAndUnresolvable') return result;
        refused ??= result.refused;
        continue;
      }
      filters.push(result.filter);
      names.push(plugin.name);
      if (result.nodeNames !== undefined) {
        restriction = restrict(restriction, plugin.name, result.nodeNames);
        if (restriction.nodeNames.size === 0) return { refused: nothingLeft(restriction) };
      }
    }
    if (refused !== undefined) return { refused };
    const watched = meter === undefined ? undefined : { meter, names };
    return { run: new FilterRun(pod, filters, watched), restriction };
  }

  /** Whether the verdict on a node depends on that node and the pod's own wishes alone. */
  get isLocal(): boolean {
    return this.filters.every(({ isLocal }) => isLocal === true);
  }

  /** What is against the node; undefined: nothing. */
  check(node: NodeInfo): Verdict | undefined {
    if (this.#timed > 0 && this.#watched !== undefined)
      return this.#checkTimed(node, this.#watched);
    for (const filter of this.filters) {
      const verdict = filter.check(node);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  #checkTimed(node: NodeInfo, { meter, names }: Watched): Verdict | undefined {
    this.#timed -= 1;
    for (const [i, filter] of this.filters.entries()) {
      const verdict = meter.ask(names[i] ?? '', 'Filter', {
        ask: () => filter.check(node),
        status: statusOf,
      });
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  /** Of so many nodes the filters have been asked, and these verdicts came of it. */
  searched(nodes: number, verdicts: readonly Verdict[]): void {
    if (this.#watched === undefined) return;
    const { meter, names } = this.#watched;
    const refused = countsByPlugin(verdicts);
    let left = nodes;
    for (const name of names) {
      if (left === 0) return;
      meter.asked(name, 'Filter', left);
      left -= refused.get(name) ?? 0;
    }
  }

  /** As `check`, with the pods that are nominated to the node, and without them. */
  checkWith(nominations: Nominations, node: NodeEntry): Verdict | undefined {
    if (nominations.size === 0) return this.check(node);
    const all = nominations.on(node.name);
    if (all.length === 0) return this.check(node);
    const guests = all.every((guest) => this.#yieldsTo(guest))
      ? all
      : all.filter((guest) => this.#yieldsTo(guest));
    if (guests.length === 0) return this.check(node);
    const full = node.with(guests);
    const run = this.#counts ? this.fork() : this;
    if (this.#counts) for (const guest of guests) run.count(guest, full, 1);
    return run.check(full) ?? this.check(node);
  }

  /** Whether the pod may not count on the place of this one. */
  #yieldsTo({ priority, uid }: PodInfo): boolean {
    return priority >= this.pod.priority && uid !== this.pod.uid;
  }

  fork(): FilterRun {
    return new FilterRun(
      this.pod,
      this.filters.map((filter) => filter.fork?.() ?? filter),
    );
  }

  /** Of a fork: counts a pod that is not there, or does not count one that is. */
  count(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    for (const filter of this.filters) filter.count?.(pod, node, delta);
  }
}

function restrict(
  known: Restriction | undefined,
  plugin: string,
  nodeNames: ReadonlySet<string>,
): Restriction {
  if (known === undefined) return { nodeNames, plugins: [plugin] };
  return {
    nodeNames: known.nodeNames.intersection(nodeNames),
    plugins: [...known.plugins, plugin],
  };
}

function nothingLeft({ plugins }: Restriction): Verdict {
  const names = plugins.toSorted().join(' ');
  const reason =
    plugins.length === 1
      ? `node(s) didn't satisfy plugin ${names}`
      : `node(s) didn't satisfy plugin(s) [${names}] simultaneously`;
  return { plugin: plugins[0] ?? '', kind: 'UnschedulableAndUnresolvable', reasons: [reason] };
}

/** The verdict on nodes that a restriction leaves out. */
export function leftOut({ plugins }: Restriction): Verdict {
  return {
    plugin: plugins[0] ?? '',
    kind: 'UnschedulableAndUnresolvable',
    reasons: [`node(s) didn't satisfy plugin(s) [${plugins.toSorted().join(' ')}]`],
  };
}
