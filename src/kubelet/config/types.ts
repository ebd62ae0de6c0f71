/**
 * A `KubeletConfiguration` after its defaults: what is always there is not optional here.
 *
 * In the form of the file: durations are Go's texts (`1m30s`), quantities texts, as `/configz` shows
 * them. Source: upstream v1.36 staging/src/k8s.io/kubelet/config/v1beta1/types.go.
 */
import type { Taint } from '#api/gen/core-v1.ts';

type Texts = Readonly<Record<string, string>>;

/** Go's form: `1m30s`. */
export type Duration = string;

export interface OutputOptions {
  readonly splitStream?: boolean;
  readonly infoBufferSize?: string;
}

export interface LoggingConfiguration {
  readonly format: string;
  /** Nanoseconds where it is a number. */
  readonly flushFrequency: Duration | number;
  readonly verbosity: number;
  readonly vmodule?: readonly { readonly filePattern: string; readonly verbosity: number }[];
  readonly options: { readonly text: OutputOptions; readonly json: OutputOptions };
}

export interface ShutdownGracePeriodByPodPriority {
  readonly priority: number;
  readonly shutdownGracePeriodSeconds: number;
}

export interface MemoryReservation {
  readonly numaNode: number;
  readonly limits: Texts;
}

/** What has a default. */
interface Defaulted {
  readonly apiVersion: string;
  readonly kind: string;
  readonly enableServer: boolean;
  readonly podLogsDir: string;
  readonly syncFrequency: Duration;
  readonly fileCheckFrequency: Duration;
  readonly httpCheckFrequency: Duration;
  readonly address: string;
  readonly port: number;
  readonly authentication: {
    readonly x509: { readonly clientCAFile?: string };
    readonly webhook: { readonly enabled: boolean; readonly cacheTTL: Duration };
    readonly anonymous: { readonly enabled: boolean };
  };
  readonly authorization: {
    /** `AlwaysAllow` or `Webhook`. */
    readonly mode: string;
    readonly webhook: {
      readonly cacheAuthorizedTTL: Duration;
      readonly cacheUnauthorizedTTL: Duration;
    };
  };
  /** 0: pulls are not limited. */
  readonly registryPullQPS: number;
  readonly registryBurst: number;
  readonly eventRecordQPS: number;
  readonly eventBurst: number;
  readonly enableDebuggingHandlers: boolean;
  /** 0: no such page. */
  readonly healthzPort: number;
  readonly healthzBindAddress: string;
  readonly oomScoreAdj: number;
  readonly streamingConnectionIdleTimeout: Duration;
  readonly nodeStatusUpdateFrequency: Duration;
  readonly nodeStatusReportFrequency: Duration;
  readonly nodeLeaseDurationSeconds: number;
  readonly imageMinimumGCAge: Duration;
  /** `0s`: age alone is no reason. */
  readonly imageMaximumGCAge: Duration;
  readonly imageGCHighThresholdPercent: number;
  readonly imageGCLowThresholdPercent: number;
  readonly volumeStatsAggPeriod: Duration;
  readonly cgroupsPerQOS: boolean;
  readonly cgroupDriver: string;
  readonly cpuManagerPolicy: string;
  readonly cpuManagerReconcilePeriod: Duration;
  readonly memoryManagerPolicy: string;
  readonly topologyManagerPolicy: string;
  readonly topologyManagerScope: string;
  readonly runtimeRequestTimeout: Duration;
  readonly hairpinMode: string;
  readonly maxPods: number;
  /** -1: as many as the node allows. */
  readonly podPidsLimit: number;
  /** Empty: pods get no settings of the node. */
  readonly resolvConf: string;
  readonly cpuCFSQuota: boolean;
  readonly cpuCFSQuotaPeriod: Duration;
  /** -1: all of them. */
  readonly nodeStatusMaxImages: number;
  readonly maxOpenFiles: number;
  readonly contentType: string;
  readonly kubeAPIQPS: number;
  readonly kubeAPIBurst: number;
  readonly serializeImagePulls: boolean;
  readonly evictionPressureTransitionPeriod: Duration;
  readonly mergeDefaultEvictionSettings: boolean;
  readonly enableControllerAttachDetach: boolean;
  readonly makeIPTablesUtilChains: boolean;
  readonly iptablesMasqueradeBit: number;
  readonly iptablesDropBit: number;
  readonly failSwapOn: boolean;
  readonly memorySwap: { readonly swapBehavior?: string };
  readonly containerLogMaxSize: string;
  readonly containerLogMaxFiles: number;
  readonly containerLogMaxWorkers: number;
  readonly containerLogMonitorInterval: Duration;
  readonly configMapAndSecretChangeDetectionStrategy: string;
  readonly enforceNodeAllocatable: readonly string[];
  readonly volumePluginDir: string;
  readonly logging: LoggingConfiguration;
  readonly enableSystemLogHandler: boolean;
  readonly enableProfilingHandler: boolean;
  readonly enableDebugFlagsHandler: boolean;
  readonly shutdownGracePeriod: Duration;
  readonly shutdownGracePeriodCriticalPods: Duration;
  readonly crashLoopBackOff: { readonly maxContainerRestartPeriod?: Duration };
  readonly seccompDefault: boolean;
  readonly memoryThrottlingFactor: number;
  readonly memoryReservationPolicy: string;
  readonly registerNode: boolean;
  readonly localStorageCapacityIsolation: boolean;
  readonly containerRuntimeEndpoint: string;
  readonly failCgroupV1: boolean;
}

/** What has none. */
interface Given {
  readonly staticPodPath?: string;
  readonly staticPodURL?: string;
  readonly staticPodURLHeader?: Readonly<Record<string, readonly string[]>>;
  readonly readOnlyPort?: number;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  readonly tlsCipherSuites?: readonly string[];
  readonly tlsCurvePreferences?: readonly number[];
  readonly tlsMinVersion?: string;
  readonly rotateCertificates?: boolean;
  readonly serverTLSBootstrap?: boolean;
  readonly imagePullCredentialsVerificationPolicy?: string;
  readonly preloadedImagesVerificationAllowlist?: readonly string[];
  readonly enableContentionProfiling?: boolean;
  readonly clusterDomain?: string;
  readonly clusterDNS?: readonly string[];
  readonly kubeletCgroups?: string;
  readonly systemCgroups?: string;
  readonly cgroupRoot?: string;
  readonly singleProcessOOMKill?: boolean;
  readonly cpuManagerPolicyOptions?: Texts;
  readonly topologyManagerPolicyOptions?: Texts;
  readonly qosReserved?: Texts;
  readonly podCIDR?: string;
  readonly runOnce?: boolean;
  readonly maxParallelImagePulls?: number;
  readonly evictionHard?: Texts;
  readonly evictionSoft?: Texts;
  readonly evictionSoftGracePeriod?: Texts;
  readonly evictionMaxPodGracePeriod?: number;
  readonly evictionMinimumReclaim?: Texts;
  readonly podsPerCore?: number;
  readonly protectKernelDefaults?: boolean;
  readonly featureGates?: Readonly<Record<string, boolean>>;
  readonly systemReserved?: Texts;
  readonly kubeReserved?: Texts;
  readonly reservedSystemCPUs?: string;
  readonly showHiddenMetricsForVersion?: string;
  readonly systemReservedCgroup?: string;
  readonly kubeReservedCgroup?: string;
  readonly allowedUnsafeSysctls?: readonly string[];
  readonly providerID?: string;
  readonly kernelMemcgNotification?: boolean;
  readonly enableSystemLogQuery?: boolean;
  readonly shutdownGracePeriodByPodPriority?: readonly ShutdownGracePeriodByPodPriority[];
  readonly reservedMemory?: readonly MemoryReservation[];
  readonly registerWithTaints?: readonly Taint[];
  readonly tracing?: { readonly endpoint?: string; readonly samplingRatePerMillion?: number };
  readonly imageServiceEndpoint?: string;
  readonly userNamespaces?: { readonly idsPerPod?: number };
}

export interface KubeletConfiguration extends Defaulted, Given {}
