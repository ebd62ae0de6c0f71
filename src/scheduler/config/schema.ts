/**
 * The types of `kubescheduler.config.k8s.io/v1`, as the strict decoder reads them.
 *
 * They are files, not objects of the API: the generated table does not have them. Source: upstream
 * v1.36 staging/src/k8s.io/kube-scheduler/config/v1 (types.go, types_pluginargs.go) and
 * component-base/config/v1alpha1/types.go.
 */
import {
  always,
  BOOL,
  DURATION,
  INT32,
  INT64,
  list,
  object,
  optional,
  pointer,
  scalar,
  STRING,
  struct as structOf,
  TYPE_META,
} from '#api/component-config/fields.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { FieldSchema, TypeSchema } from '#api/schema/types.ts';

export const GROUP = 'kubescheduler.config.k8s.io';
export const API_VERSION = `${GROUP}/v1`;
export const CONFIGURATION_KIND = 'KubeSchedulerConfiguration';

const CORE = 'io.k8s.api.core.v1';

const PACKAGE = 'io.k8s.kube-scheduler.config.v1';

function struct(goName: string, members: readonly FieldSchema[], goPackage = 'v1'): TypeSchema {
  return structOf(goName, members, { name: PACKAGE, goPackage });
}

const PLUGIN = struct('Plugin', [always('name', STRING), pointer('weight', INT32)]);
const PLUGIN_SET = struct('PluginSet', [
  optional('enabled', list(object(PLUGIN), '[]v1.Plugin')),
  optional('disabled', list(object(PLUGIN), '[]v1.Plugin')),
]);

/** The extension points, in the order in which upstream goes through them. */
export const POINTS = [
  'preFilter',
  'filter',
  'postFilter',
  'reserve',
  'preScore',
  'score',
  'preBind',
  'bind',
  'postBind',
  'permit',
  'preEnqueue',
  'queueSort',
  'placementGenerate',
  'placementScore',
] as const;

const PLUGINS = struct(
  'Plugins',
  [...POINTS, 'multiPoint'].map((point) => optional(point, object(PLUGIN_SET))),
);
const PLUGIN_CONFIG = struct('PluginConfig', [
  always('name', STRING),
  optional('args', scalar('rawExtension')),
]);
const PROFILE = struct('KubeSchedulerProfile', [
  pointer('schedulerName', STRING),
  pointer('percentageOfNodesToScore', INT32),
  pointer('plugins', object(PLUGINS)),
  optional('pluginConfig', list(object(PLUGIN_CONFIG), '[]v1.PluginConfig')),
]);

const BYTES = scalar('bytes');
const TLS_CONFIG = struct('ExtenderTLSConfig', [
  optional('insecure', BOOL),
  optional('serverName', STRING),
  optional('certFile', STRING),
  optional('keyFile', STRING),
  optional('caFile', STRING),
  optional('certData', BYTES),
  optional('keyData', BYTES),
  optional('caData', BYTES),
]);
const MANAGED_RESOURCE = struct('ExtenderManagedResource', [
  always('name', STRING),
  optional('ignoredByScheduler', BOOL),
]);
const EXTENDER = struct('Extender', [
  always('urlPrefix', STRING),
  ...['filterVerb', 'preemptVerb', 'prioritizeVerb'].map((verb) => optional(verb, STRING)),
  optional('weight', INT64),
  optional('bindVerb', STRING),
  optional('enableHTTPS', BOOL),
  pointer('tlsConfig', object(TLS_CONFIG)),
  optional('httpTimeout', DURATION),
  optional('nodeCacheCapable', BOOL),
  optional('managedResources', list(object(MANAGED_RESOURCE), '[]v1.ExtenderManagedResource')),
  optional('ignorable', BOOL),
]);

const LEADER_ELECTION = struct(
  'LeaderElectionConfiguration',
  [
    pointer('leaderElect', BOOL),
    ...['leaseDuration', 'renewDeadline', 'retryPeriod'].map((name) => optional(name, DURATION)),
    ...['resourceLock', 'resourceName', 'resourceNamespace'].map((name) => optional(name, STRING)),
  ],
  'v1alpha1',
);
const CLIENT_CONNECTION = struct(
  'ClientConnectionConfiguration',
  [
    ...['kubeconfig', 'acceptContentTypes', 'contentType'].map((name) => always(name, STRING)),
    optional('qps', scalar('double')),
    optional('burst', INT32),
  ],
  'v1alpha1',
);

export const CONFIGURATION = struct(CONFIGURATION_KIND, [
  ...TYPE_META,
  pointer('parallelism', INT32),
  always('leaderElection', object(LEADER_ELECTION)),
  always('clientConnection', object(CLIENT_CONNECTION)),
  pointer('enableProfiling', BOOL),
  pointer('enableContentionProfiling', BOOL),
  pointer('percentageOfNodesToScore', INT32),
  pointer('podInitialBackoffSeconds', INT64),
  pointer('podMaxBackoffSeconds', INT64),
  optional('profiles', list(object(PROFILE), '[]v1.KubeSchedulerProfile')),
  optional('extenders', list(object(EXTENDER), '[]v1.Extender')),
  optional('delayCacheUntilActive', BOOL),
]);

const SHAPE = list(
  object(struct('UtilizationShapePoint', [always('utilization', INT32), always('score', INT32)])),
  '[]v1.UtilizationShapePoint',
);
const RESOURCES = list(
  object(struct('ResourceSpec', [always('name', STRING), optional('weight', INT64)])),
  '[]v1.ResourceSpec',
);
const STRATEGY = struct('ScoringStrategy', [
  optional('type', { kind: 'scalar', scalar: 'string', goType: 'v1.ScoringStrategyType' }),
  optional('resources', RESOURCES),
  pointer(
    'requestedToCapacityRatio',
    object(struct('RequestedToCapacityRatioParam', [optional('shape', SHAPE)])),
  ),
]);

const args = (plugin: string, ...members: FieldSchema[]): [string, TypeSchema] => [
  plugin,
  struct(`${plugin}Args`, [...TYPE_META, ...members]),
];

/** The type of the arguments of each plug-in that takes some, by its name. */
export const PLUGIN_ARGS: ReadonlyMap<string, TypeSchema> = new Map([
  args(
    'DefaultPreemption',
    pointer('minCandidateNodesPercentage', INT32),
    pointer('minCandidateNodesAbsolute', INT32),
  ),
  args('DynamicResources', pointer('filterTimeout', DURATION), pointer('bindingTimeout', DURATION)),
  args(
    'InterPodAffinity',
    pointer('hardPodAffinityWeight', INT32),
    always('ignorePreferredTermsOfExistingPods', BOOL),
  ),
  args('NodeAffinity', pointer('addedAffinity', object(typeByName(`${CORE}.NodeAffinity`)))),
  args('NodeResourcesBalancedAllocation', optional('resources', RESOURCES)),
  args(
    'NodeResourcesFit',
    optional('ignoredResources', list(STRING)),
    optional('ignoredResourceGroups', list(STRING)),
    pointer('scoringStrategy', object(STRATEGY)),
  ),
  args(
    'PodTopologySpread',
    optional('defaultConstraints', list(object(typeByName(`${CORE}.TopologySpreadConstraint`)))),
    optional('defaultingType', {
      kind: 'scalar',
      scalar: 'string',
      goType: 'v1.PodTopologySpreadConstraintsDefaulting',
    }),
  ),
  args('VolumeBinding', pointer('bindTimeoutSeconds', INT64), optional('shape', SHAPE)),
]);
