/**
 * Which plug-ins a profile has at each extension point, in order: what is named at the point itself,
 * and what `multiPoint` brings to every point that a plug-in takes part in.
 *
 * Source: upstream v1.36 pkg/scheduler/framework/runtime/framework.go (updatePluginList,
 * expandMultiPointPlugins, getValidScoreWeights).
 */
import { ConfigError } from '#api/component-config/error.ts';
import { POINTS } from './schema.ts';
import type { PluginRef, PluginSets, Point } from './types.ts';

const FILTERS: readonly Point[] = ['preFilter', 'filter'];
const SCORES: readonly Point[] = ['preScore', 'score'];

/** The points of each plug-in that is there. */
const POINTS_OF: ReadonlyMap<string, readonly Point[]> = new Map<string, readonly Point[]>([
  ['SchedulingGates', ['preEnqueue']],
  ['PrioritySort', ['queueSort']],
  ['NodeUnschedulable', ['filter']],
  ['NodeName', ['filter']],
  ['TaintToleration', ['filter', ...SCORES]],
  ['NodeAffinity', [...FILTERS, ...SCORES]],
  ['NodePorts', FILTERS],
  ['NodeResourcesFit', [...FILTERS, ...SCORES]],
  ['VolumeRestrictions', FILTERS],
  ['NodeVolumeLimits', FILTERS],
  ['VolumeBinding', [...FILTERS, 'reserve', 'preBind', ...SCORES]],
  ['VolumeZone', FILTERS],
  ['PodTopologySpread', [...FILTERS, ...SCORES]],
  ['InterPodAffinity', [...FILTERS, ...SCORES]],
  ['DynamicResources', ['preEnqueue', ...FILTERS, 'postFilter', 'score', 'reserve', 'preBind']],
  ['DefaultPreemption', ['preEnqueue', 'postFilter']],
  ['NodeResourcesBalancedAllocation', SCORES],
  ['ImageLocality', ['score']],
  ['DefaultBinder', ['bind']],
  ['NodeDeclaredFeatures', FILTERS],
  ['GangScheduling', ['preEnqueue', 'permit']],
]);

/** Plug-ins that upstream has and this has not. */
const MISSING: ReadonlySet<string> = new Set(['PodGroupPodsCount', 'TopologyPlacementGenerator']);

export type PluginsAt = Readonly<Record<Point, readonly string[]>>;

/** Whether a plug-in takes part in a point at all. */
export function takesPart(name: string, point: Point): boolean {
  return POINTS_OF.get(name)?.includes(point) ?? false;
}

/** Names in order, for each point. Throws ConfigError. */
export function pluginsAtPoints(sets: PluginSets): PluginsAt {
  const own = POINTS.map((point) => {
    const names: string[] = [];
    for (const { name } of sets[point].enabled ?? []) enable(name, point, names);
    return [point, names] as const;
  });
  const all = own.map(([point, names]) => [point, expanded(point, names, sets)] as const);
  return Object.fromEntries(all) as PluginsAt;
}

function typeOf(point: Point): string {
  return `${point.charAt(0).toUpperCase()}${point.slice(1)}Plugin`;
}

function check(name: string, point: Point): void {
  if (MISSING.has(name))
    throw new ConfigError(
      `Cannot use the plug-in ${JSON.stringify(name)}: kube-scheduler has it, cox scheduler does not have it yet`,
    );
  if (!POINTS_OF.has(name))
    throw new ConfigError(`${typeOf(point)} ${JSON.stringify(name)} does not exist`);
}

function enable(name: string, point: Point, names: string[]): void {
  check(name, point);
  if (!takesPart(name, point))
    throw new ConfigError(`plugin ${JSON.stringify(name)} does not extend ${typeOf(point)} plugin`);
  addOnce(name, point, names);
}

function addOnce(name: string, point: Point, names: string[]): void {
  if (names.includes(name))
    throw new ConfigError(
      `plugin ${JSON.stringify(name)} already registered as ${JSON.stringify(typeOf(point))}`,
    );
  names.push(name);
}

/** First those of the point that `multiPoint` has too, then the rest of it, then the point's own. */
function expanded(point: Point, own: readonly string[], sets: PluginSets): readonly string[] {
  const off = new Set((sets[point].disabled ?? []).map(({ name }) => name));
  const multi = sets.multiPoint.enabled ?? [];
  if (off.has('*') || multi.length === 0) return own;
  const overridden = new Set<string>();
  const added: string[] = [];
  for (const { name } of multi) {
    check(name, point);
    if (!takesPart(name, point) || off.has(name)) continue;
    if (own.includes(name)) overridden.add(name);
    else addOnce(name, point, added);
  }
  const first = own.filter((name) => overridden.has(name));
  return [...first, ...added, ...own.filter((name) => !overridden.has(name))];
}

/** What scores are multiplied by: at the point itself before `multiPoint`; 0 is 1. */
export function scoreWeights({ score, multiPoint }: PluginSets): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  const refs: PluginRef[] = [...(score.enabled ?? []), ...(multiPoint.enabled ?? [])];
  for (const { name, weight } of refs)
    if (takesPart(name, 'score') && !weights.has(name))
      weights.set(name, weight === 0 ? 1 : weight);
  return weights;
}
