/**
 * Profiles: the plug-ins with which the pods of one scheduler name are given nodes.
 *
 * A plug-in is one value with all that it does; a profile may have it at some extension points and
 * not at others. So a profile's list holds parts: what a plug-in does in the queue, as a filter, as
 * a score. Source: upstream v1.36 pkg/scheduler/profile, framework/runtime/framework.go,
 * pkg/scheduler/scheduler.go (buildExtenders).
 */
import { ROOT } from '#api/meta/field.ts';
import { type PluginsAt, pluginsAtPoints, scoreWeights, takesPart } from './config/points.ts';
import { ConfigError } from '#api/component-config/error.ts';
import { PLUGIN_ARGS } from './config/schema.ts';
import { argsOf, type Point, type ProfileConfig, type SchedulerConfig } from './config/types.ts';
import { validateFitArgs } from './config/validate-args.ts';
import { parseDuration } from '#api/codec/duration.ts';
import type { Cluster } from './cluster.ts';
import type { NodeFilter, Plugin, PodInfo, QueuedPod } from './framework.ts';
import { dynamicResourcesWith } from './plugins/dynamic-resources.ts';
import { interPodAffinityWith } from './plugins/inter-pod-affinity.ts';
import { nodeAffinityWith } from './plugins/node-affinity.ts';
import { nodeResourcesBalancedAllocationWith } from './plugins/node-resources-balanced-allocation.ts';
import { nodeResourcesFitWith } from './plugins/node-resources-fit.ts';
import { ALL_PLUGINS } from './plugins/order.ts';
import { podTopologySpreadWith } from './plugins/pod-topology-spread.ts';
import type { DefaultPreemptionArgs } from './preemption.ts';
import type { ScoringStrategy } from './resource-strategies.ts';

export interface Profile {
  readonly schedulerName: string;
  /** In order; DefaultPreemption is not among them. */
  readonly plugins: readonly Plugin[];
  /** 0: by the number of nodes. */
  readonly percentageOfNodesToScore: number;
  /** Undefined: no room is made for pods that fit nowhere. */
  readonly preemption: DefaultPreemptionArgs | undefined;
  /** Whether claims of a pod that fits nowhere give their devices back. */
  readonly givesBack: boolean;
  /** Whether a pod is not tried while room is being made for it. */
  readonly waitsForPreemption: boolean;
  /** How long the volumes of a pod may take to be bound. */
  readonly bindTimeoutMs: number;
}

/**
 * The configuration as it is used: of the arguments those that are needed, in the order of their
 * names, and NodeResourcesFit leaving alone what extenders look after. Throws ConfigError.
 */
export function completedConfig(config: SchedulerConfig): SchedulerConfig {
  const ignored = (config.extenders ?? []).flatMap(({ managedResources = [] }) =>
    managedResources.filter((each) => each.ignoredByScheduler === true).map(({ name }) => name),
  );
  const profiles = config.profiles.map((profile, i) => {
    const { plugins, pluginConfig } = profile;
    const used = new Set(
      Object.values(plugins).flatMap(({ enabled = [] }) => enabled.map(({ name }) => name)),
    );
    const unknown = pluginConfig.find(({ name }) => !PLUGIN_ARGS.has(name));
    if (unknown !== undefined)
      throw new ConfigError(
        `Cannot use profiles[${i}].pluginConfig: there is no plug-in ${JSON.stringify(unknown.name)} that takes arguments`,
      );
    if (ignored.length > 0 && argsOf(profile, 'NodeResourcesFit') === undefined)
      throw new ConfigError(
        "couldn't build extenders: can't find NodeResourcesFitArgs in plugin config",
      );
    const needed = pluginConfig
      .filter(({ name }) => used.has(name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((each) =>
        each.name === 'NodeResourcesFit' && ignored.length > 0
          ? { ...each, args: { ...each.args, ignoredResources: ignored } }
          : each,
      );
    return { ...profile, pluginConfig: needed };
  });
  return { ...config, profiles };
}

/** `config`: completed. Throws ConfigError. */
export function profilesOf(config: SchedulerConfig): readonly Profile[] {
  return config.profiles.map((profile) => {
    try {
      return profileOf(profile, config.percentageOfNodesToScore);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const name = profile.schedulerName;
      throw new ConfigError(
        `initializing profiles: creating profile for scheduler name ${name}: ${error.message}`,
        { cause: error },
      );
    }
  });
}

function profileOf(config: ProfileConfig, percentage: number): Profile {
  const at = pluginsAtPoints(config.plugins);
  const [sort, ...more] = at.queueSort;
  if (sort === undefined || more.length > 0)
    throw new ConfigError(
      `only one queue sort plugin required for profile with scheduler name ${JSON.stringify(config.schedulerName)}, but got ${at.queueSort.length}`,
    );
  if (at.bind.length === 0)
    throw new ConfigError(
      `at least one bind plugin is needed for profile with scheduler name ${JSON.stringify(config.schedulerName)}`,
    );
  const preemption = argsOf(config, 'DefaultPreemption');
  const seconds = argsOf(config, 'VolumeBinding')?.bindTimeoutSeconds ?? 0;
  return {
    schedulerName: config.schedulerName,
    plugins: partsOf(config, at),
    percentageOfNodesToScore: config.percentageOfNodesToScore ?? percentage,
    preemption: at.postFilter.includes('DefaultPreemption') ? (preemption ?? {}) : undefined,
    givesBack: at.postFilter.includes('DynamicResources'),
    waitsForPreemption: at.preEnqueue.includes('DefaultPreemption'),
    bindTimeoutMs: seconds * 1000,
  };
}

function partsOf(config: ProfileConfig, at: PluginsAt): Plugin[] {
  const all = new Map(configuredPlugins(config).map((plugin) => [plugin.name, plugin]));
  const weights = scoreWeights(config.plugins);
  const known = (names: readonly string[]): Plugin[] =>
    names.flatMap((name) => all.get(name) ?? []);
  const filters = [...at.filter, ...at.preFilter.filter((name) => !at.filter.includes(name))];
  const reserves = [...new Set([...at.reserve, ...at.preBind])];
  for (const name of reserves.filter((each) => !at.filter.includes(each)))
    throw apart(name, 'reserve', 'filter');
  return [
    ...known([...at.preEnqueue, ...at.queueSort]).map(queuePart),
    ...known(filters).map((plugin) => filterPart(plugin, at)),
    ...known(at.permit).map(permitPart),
    ...known(at.score)
      .filter((plugin) => plugin.preScore !== undefined)
      .map((plugin) => scorePart(plugin, weights.get(plugin.name) ?? 1, at)),
  ];
}

function configuredPlugins(config: ProfileConfig): Plugin[] {
  const { plugins } = config;
  const isUsed = (name: string): boolean =>
    Object.values(plugins).some(({ enabled = [] }) => enabled.some((each) => each.name === name));
  const fit = argsOf(config, 'NodeResourcesFit');
  const problems =
    fit === undefined || !isUsed('NodeResourcesFit') ? [] : validateFitArgs(fit, ROOT);
  if (problems.length > 0) {
    const texts = problems.map((problem) => problem.text());
    const all = texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`;
    throw new ConfigError(`initializing plugin "NodeResourcesFit": ${all}`);
  }
  const spread = argsOf(config, 'PodTopologySpread');
  const devices = argsOf(config, 'DynamicResources');
  const made: readonly Plugin[] = [
    nodeAffinityWith(argsOf(config, 'NodeAffinity') ?? {}),
    nodeResourcesFitWith(
      fit === undefined ? {} : { ...fit, scoringStrategy: strategyOf(fit.scoringStrategy) },
    ),
    podTopologySpreadWith(
      spread?.defaultingType === 'List'
        ? { defaultConstraints: spread.defaultConstraints ?? [] }
        : {},
    ),
    dynamicResourcesWith({
      filterTimeoutMs: durationMs(devices?.filterTimeout),
      bindingTimeoutMs: durationMs(devices?.bindingTimeout),
    }),
    interPodAffinityWith(argsOf(config, 'InterPodAffinity') ?? {}),
    nodeResourcesBalancedAllocationWith(argsOf(config, 'NodeResourcesBalancedAllocation') ?? {}),
  ];
  const byName = new Map(made.map((plugin) => [plugin.name, plugin]));
  return ALL_PLUGINS.map((plugin) => byName.get(plugin.name) ?? plugin);
}

const NANOS_PER_MS = 1e6;

function durationMs(text: string | undefined): number {
  return parseDuration(text ?? '0s') / NANOS_PER_MS;
}

/** Has been validated: of one of the three types. */
function strategyOf({
  type,
  resources = [],
  requestedToCapacityRatio,
}: NonNullable<ReturnType<typeof argsOf<'NodeResourcesFit'>>>['scoringStrategy']): ScoringStrategy {
  if (type === 'RequestedToCapacityRatio')
    return { type, resources, shape: requestedToCapacityRatio?.shape ?? [] };
  return { type: type === 'MostAllocated' ? type : 'LeastAllocated', resources };
}

function apart(name: string, point: Point, other: Point): ConfigError {
  return new ConfigError(
    `Cannot use the plug-in ${JSON.stringify(name)} at ${point} alone: it must be enabled at ${other}, too`,
  );
}

function queuePart(plugin: Plugin): Plugin {
  return {
    name: plugin.name,
    ...(plugin.preEnqueue === undefined
      ? {}
      : { preEnqueue: (pod: PodInfo, cluster: Cluster) => plugin.preEnqueue?.(pod, cluster) }),
    ...(plugin.less === undefined
      ? {}
      : {
          less: (left: QueuedPod, right: QueuedPod) =>
            plugin.less?.(left, right) ?? left.order < right.order,
        }),
    ...hintsOf(plugin),
  };
}

function permitPart(plugin: Plugin): Plugin {
  return { name: plugin.name, permit: (pod, cluster) => plugin.permit?.(pod, cluster) };
}

function hintsOf({ hints }: Plugin): Pick<Plugin, 'hints'> {
  return hints === undefined ? {} : { hints };
}

/** As a filter; at preFilter alone it may refuse the pod, and name its nodes, but refuses none. */
function filterPart(plugin: Plugin, at: PluginsAt): Plugin {
  const { name } = plugin;
  const filters = at.filter.includes(name);
  if (filters && takesPart(name, 'preFilter') && !at.preFilter.includes(name))
    throw apart(name, 'filter', 'preFilter');
  const reserves = at.reserve.includes(name);
  if (reserves !== at.preBind.includes(name)) throw apart(name, 'reserve', 'preBind');
  const adapt = (filter: NodeFilter): NodeFilter => {
    if (!filters) return { check: () => undefined };
    return reserves || filter.reserve === undefined ? filter : withoutReserve(filter);
  };
  return {
    name,
    preFilter(pod, cluster) {
      const result = plugin.preFilter?.(pod, cluster);
      if (result === undefined || 'refused' in result) return result;
      return { ...result, filter: adapt(result.filter) };
    },
    ...hintsOf(plugin),
  };
}

function withoutReserve(filter: NodeFilter): NodeFilter {
  return {
    check: (node) => filter.check(node),
    fork: () => withoutReserve(filter.fork?.() ?? filter),
    count: (pod, node, delta) => filter.count?.(pod, node, delta),
  };
}

function scorePart(plugin: Plugin, weight: number, at: PluginsAt): Plugin {
  const { name } = plugin;
  if (takesPart(name, 'preScore') && !at.preScore.includes(name))
    throw apart(name, 'score', 'preScore');
  return {
    name,
    weight,
    preScore: (pod, nodes, cluster, filters) => plugin.preScore?.(pod, nodes, cluster, filters),
  };
}
