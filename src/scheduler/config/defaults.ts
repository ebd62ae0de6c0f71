/**
 * What a `KubeSchedulerConfiguration` means where it says nothing, and which plug-ins a profile has:
 * the default ones, changed by what it enables and disables.
 *
 * Source: upstream v1.36 pkg/scheduler/apis/config/v1 (defaults.go, default_plugins.go) and
 * component-base/config/v1alpha1/defaults.go.
 */
import { API_VERSION, CONFIGURATION_KIND, PLUGIN_ARGS, POINTS } from './schema.ts';
import type { PluginRef, PluginSet, PluginSets, SchedulerConfig } from './types.ts';

const DEFAULT_SCHEDULER_NAME = 'default-scheduler';

/** Upstream's, less what is not there; its gate-bound ones follow. */
const DEFAULT_PLUGINS: readonly PluginRef[] = (
  [
    ['SchedulingGates', 0],
    ['PrioritySort', 0],
    ['NodeUnschedulable', 0],
    ['NodeName', 0],
    ['TaintToleration', 3],
    ['NodeAffinity', 2],
    ['NodePorts', 0],
    ['NodeResourcesFit', 1],
    ['VolumeRestrictions', 0],
    ['NodeVolumeLimits', 0],
    ['VolumeBinding', 0],
    ['VolumeZone', 0],
    ['PodTopologySpread', 2],
    ['InterPodAffinity', 2],
    ['DynamicResources', 2],
    ['DefaultPreemption', 0],
    ['NodeResourcesBalancedAllocation', 1],
    ['ImageLocality', 1],
    ['DefaultBinder', 0],
    ['NodeDeclaredFeatures', 0],
  ] as const
).map(([name, weight]) => ({ name, weight }));

/** On by a feature gate. */
export interface SchedulerGates {
  /** Pods of a group are tried together. */
  readonly genericWorkload?: boolean;
  /** Of a gang all get nodes, or none. */
  readonly gangScheduling?: boolean;
}

function defaultPlugins({ gangScheduling = false }: SchedulerGates): readonly PluginRef[] {
  return gangScheduling
    ? [...DEFAULT_PLUGINS, { name: 'GangScheduling', weight: 0 }]
    : DEFAULT_PLUGINS;
}

/** What the decoder gives: any field may be absent. */
type Loose = Readonly<Record<string, unknown>>;

const isZero = (value: unknown): boolean =>
  value === undefined || value === '' || value === 0 || value === '0s';

/** `given`, with `defaults` for what is absent. */
const filled = (defaults: Loose, given: Loose | undefined): Loose => ({ ...defaults, ...given });

/** As `filled`, where zero says nothing either. */
function filledZeros(defaults: Loose, given: Loose | undefined): Loose {
  const result: Record<string, unknown> = { ...given };
  for (const [name, value] of Object.entries(defaults))
    if (isZero(result[name])) result[name] = value;
  return result;
}

/** `decoded`: of the type CONFIGURATION, args of known plug-ins decoded. It is not changed. */
export function withDefaults(decoded: Loose, gates: SchedulerGates = {}): SchedulerConfig {
  const profiles = (decoded['profiles'] ?? []) as readonly Loose[];
  const all = profiles.length === 0 ? [{}] : profiles;
  const name = all.length === 1 ? { schedulerName: DEFAULT_SCHEDULER_NAME } : { schedulerName: '' };
  const profiling = decoded['enableProfiling'] ?? true;
  const extenders = decoded['extenders'] as readonly Loose[] | undefined;
  const config = {
    ...filled(
      {
        parallelism: 16,
        percentageOfNodesToScore: 0,
        podInitialBackoffSeconds: 1,
        podMaxBackoffSeconds: 10,
        enableProfiling: profiling,
        enableContentionProfiling: profiling,
      },
      decoded,
    ),
    apiVersion: API_VERSION,
    kind: CONFIGURATION_KIND,
    leaderElection: leaderElection(decoded['leaderElection'] as Loose | undefined),
    clientConnection: filledZeros(
      { contentType: 'application/vnd.kubernetes.protobuf', qps: 50, burst: 100 },
      filled({ kubeconfig: '', acceptContentTypes: '' }, decoded['clientConnection'] as Loose),
    ),
    profiles: all.map((profile) => profileWithDefaults(filled(name, profile), gates)),
    ...(extenders === undefined || extenders.length === 0
      ? {}
      : { extenders: extenders.map((each) => filledZeros({ httpTimeout: '5s' }, each)) }),
  };
  return config as unknown as SchedulerConfig;
}

/** The configuration of who gives none. */
export function defaultSchedulerConfig(gates: SchedulerGates = {}): SchedulerConfig {
  return withDefaults({}, gates);
}

function leaderElection(given: Loose | undefined): Loose {
  const zeros = {
    leaseDuration: '15s',
    renewDeadline: '10s',
    retryPeriod: '2s',
    resourceLock: 'leases',
    resourceName: 'kube-scheduler',
    resourceNamespace: 'kube-system',
  };
  return filledZeros(zeros, filled({ leaderElect: true }, given));
}

function profileWithDefaults(profile: Loose, gates: SchedulerGates): Loose {
  const given = (profile['plugins'] ?? {}) as Partial<PluginSets>;
  const plugins = mergedPlugins(given, defaultPlugins(gates));
  const configs = (profile['pluginConfig'] ?? []) as readonly Loose[];
  const own = configs.map((each) => ({
    ...each,
    ...argsWithDefaults(String(each['name']), each['args'] as Loose | undefined),
  }));
  const has = new Set(configs.map(({ name }) => name));
  const used = Object.values(plugins).flatMap(({ enabled = [] }) => enabled);
  const others = [...new Set(used.map(({ name }) => name))]
    .filter((name) => PLUGIN_ARGS.has(name) && !has.has(name))
    .toSorted()
    .map((name) => ({ name, ...argsWithDefaults(name, {}) }));
  return { ...profile, plugins, pluginConfig: [...own, ...others] };
}

const RESOURCES = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

function resourcesOf(given: unknown): readonly Loose[] {
  const list = (given ?? []) as readonly Loose[];
  return list.length === 0 ? RESOURCES : list.map((each) => filledZeros({ weight: 1 }, each));
}

const ARGS_DEFAULTS: Readonly<Record<string, (args: Loose) => Loose>> = {
  DefaultPreemption: (args) =>
    filled({ minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 }, args),
  DynamicResources: (args) => filled({ filterTimeout: '10s', bindingTimeout: '10m0s' }, args),
  InterPodAffinity: (args) =>
    filled({ hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false }, args),
  NodeAffinity: (args) => args,
  NodeResourcesBalancedAllocation: (args) => ({
    ...args,
    resources: resourcesOf(args['resources']),
  }),
  NodeResourcesFit(args) {
    const strategy = (args['scoringStrategy'] ?? { type: 'LeastAllocated' }) as Loose;
    const scoringStrategy = { ...strategy, resources: resourcesOf(strategy['resources']) };
    return { ...args, scoringStrategy };
  },
  PodTopologySpread: (args) => filledZeros({ defaultingType: 'System' }, args),
  VolumeBinding: (args) => filled({ bindTimeoutSeconds: 600 }, args),
};

/** Nothing for a plug-in whose arguments are not known. */
function argsWithDefaults(name: string, args: Loose | undefined): { readonly args?: Loose } {
  const defaults = ARGS_DEFAULTS[name];
  if (defaults === undefined) return {};
  return { args: { ...defaults(args ?? {}), apiVersion: API_VERSION, kind: `${name}Args` } };
}

function mergedPlugins(given: Partial<PluginSets>, defaults: readonly PluginRef[]): PluginSets {
  const sets = POINTS.map((point) => [point, mergedSet([], given[point])] as const);
  const multiPoint = mergedSet(defaults, given.multiPoint);
  return Object.fromEntries([...sets, ['multiPoint', multiPoint] as const]) as PluginSets;
}

const weighted = ({ name, weight = 0 }: Partial<PluginRef>): PluginRef => ({
  name: name ?? '',
  weight,
});

/** A default that is enabled by name is changed in place; other enabled ones come after. */
function mergedSet(defaults: readonly PluginRef[], given: PluginSet = {}): PluginSet {
  const enabled = (given.enabled ?? []).map(weighted);
  const disabled = (given.disabled ?? []).map(({ name }) => weighted({ name }));
  const off = new Set(disabled.map(({ name }) => name));
  const last = new Map(enabled.map((each) => [each.name, each]));
  const replaced = new Set<PluginRef>();
  const kept = (off.has('*') ? [] : defaults.filter(({ name }) => !off.has(name))).map((each) => {
    const own = last.get(each.name);
    if (own !== undefined) replaced.add(own);
    return own ?? each;
  });
  const all = [...kept, ...enabled.filter((each) => !replaced.has(each))];
  return {
    ...(all.length === 0 ? {} : { enabled: all }),
    ...(disabled.length === 0 ? {} : { disabled }),
  };
}
