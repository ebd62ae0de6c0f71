/**
 * A `KubeSchedulerConfiguration` after its defaults: what is always there is not optional here.
 *
 * Source: upstream v1.36 staging/src/k8s.io/kube-scheduler/config/v1/types.go.
 */
import type { NodeAffinity, TopologySpreadConstraint } from '#api/gen/core-v1.ts';
import type { POINTS } from './schema.ts';

export type Point = (typeof POINTS)[number];

export interface PluginRef {
  readonly name: string;
  /** Of its scores; 0: 1. */
  readonly weight: number;
}

export interface PluginSet {
  readonly enabled?: readonly PluginRef[];
  readonly disabled?: readonly PluginRef[];
}

export type PluginSets = Readonly<Record<Point | 'multiPoint', PluginSet>>;

interface ResourceSpec {
  readonly name: string;
  readonly weight: number;
}

export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export interface ScoringStrategyArgs {
  readonly type?: string;
  readonly resources?: readonly ResourceSpec[];
  readonly requestedToCapacityRatio?: { readonly shape?: readonly ShapePoint[] };
}

/** The arguments of each plug-in that takes some, by its name. */
export interface ArgsByPlugin {
  readonly DefaultPreemption: {
    readonly minCandidateNodesPercentage: number;
    readonly minCandidateNodesAbsolute: number;
  };
  readonly DynamicResources: {
    /** Go's form: `10s`. */
    readonly filterTimeout: string;
    readonly bindingTimeout: string;
  };
  readonly InterPodAffinity: {
    readonly hardPodAffinityWeight: number;
    readonly ignorePreferredTermsOfExistingPods: boolean;
  };
  readonly NodeAffinity: { readonly addedAffinity?: NodeAffinity };
  readonly NodeResourcesBalancedAllocation: { readonly resources: readonly ResourceSpec[] };
  readonly NodeResourcesFit: {
    readonly ignoredResources?: readonly string[];
    readonly ignoredResourceGroups?: readonly string[];
    readonly scoringStrategy: ScoringStrategyArgs;
  };
  readonly PodTopologySpread: {
    readonly defaultConstraints?: readonly TopologySpreadConstraint[];
    readonly defaultingType: string;
  };
  readonly VolumeBinding: {
    readonly bindTimeoutSeconds: number;
    readonly shape?: readonly ShapePoint[];
  };
}

export interface PluginConfig {
  readonly name: string;
  /** With `apiVersion` and `kind` where the plug-in is known; see `argsOf`. */
  readonly args?: object;
}

export interface ProfileConfig {
  readonly schedulerName: string;
  readonly percentageOfNodesToScore?: number;
  readonly plugins: PluginSets;
  readonly pluginConfig: readonly PluginConfig[];
}

export interface ExtenderTls {
  readonly insecure?: boolean;
  readonly serverName?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  /** Base64 of PEM; it goes before the file. */
  readonly certData?: string;
  readonly keyData?: string;
  readonly caData?: string;
}

export interface ExtenderConfig {
  readonly urlPrefix: string;
  readonly filterVerb?: string;
  readonly preemptVerb?: string;
  readonly prioritizeVerb?: string;
  readonly weight?: number;
  readonly bindVerb?: string;
  readonly enableHTTPS?: boolean;
  readonly tlsConfig?: ExtenderTls;
  /** Go's form: `5s`. */
  readonly httpTimeout: string;
  readonly nodeCacheCapable?: boolean;
  readonly managedResources?: readonly {
    readonly name: string;
    readonly ignoredByScheduler?: boolean;
  }[];
  readonly ignorable?: boolean;
}

export interface LeaderElectionConfig {
  readonly leaderElect: boolean;
  readonly leaseDuration: string;
  readonly renewDeadline: string;
  readonly retryPeriod: string;
  readonly resourceLock: string;
  readonly resourceName: string;
  readonly resourceNamespace: string;
}

export interface SchedulerConfig {
  readonly apiVersion: string;
  readonly kind: string;
  readonly parallelism: number;
  readonly leaderElection: LeaderElectionConfig;
  readonly clientConnection: {
    readonly kubeconfig: string;
    readonly acceptContentTypes: string;
    readonly contentType: string;
    readonly qps: number;
    readonly burst: number;
  };
  readonly enableProfiling: boolean;
  readonly enableContentionProfiling: boolean;
  readonly percentageOfNodesToScore: number;
  readonly podInitialBackoffSeconds: number;
  readonly podMaxBackoffSeconds: number;
  readonly profiles: readonly ProfileConfig[];
  readonly extenders?: readonly ExtenderConfig[];
  readonly delayCacheUntilActive?: boolean;
}

/** The arguments of a plug-in in a profile: its own, or those that the defaults gave it. */
export function argsOf<N extends keyof ArgsByPlugin>(
  { pluginConfig }: Pick<ProfileConfig, 'pluginConfig'>,
  name: N,
): ArgsByPlugin[N] | undefined {
  return pluginConfig.find((each) => each.name === name)?.args as ArgsByPlugin[N] | undefined;
}
