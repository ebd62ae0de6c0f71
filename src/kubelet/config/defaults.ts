/**
 * What a `KubeletConfiguration` means where it says nothing.
 *
 * Source: upstream v1.36 pkg/kubelet/apis/config/v1beta1/defaults.go,
 * staging/src/k8s.io/component-base/logs/api/v1/options.go, pkg/kubelet/eviction/defaults_linux.go.
 */
import { API_VERSION, KIND } from './schema.ts';
import type { KubeletConfiguration } from './types.ts';

/** What the decoder gives: any field may be absent. */
export type Loose = Readonly<Record<string, unknown>>;

export const DEFAULT_EVICTION_HARD: Readonly<Record<string, string>> = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
};

/** Of fields where zero says nothing either. */
const FOR_ZERO: Loose = {
  podLogsDir: '/var/log/pods',
  syncFrequency: '1m0s',
  fileCheckFrequency: '20s',
  httpCheckFrequency: '20s',
  address: '0.0.0.0',
  port: 10250,
  registryBurst: 10,
  eventBurst: 100,
  healthzBindAddress: '127.0.0.1',
  streamingConnectionIdleTimeout: '4h0m0s',
  nodeStatusUpdateFrequency: '10s',
  nodeLeaseDurationSeconds: 40,
  imageMinimumGCAge: '2m0s',
  volumeStatsAggPeriod: '1m0s',
  cgroupDriver: 'cgroupfs',
  cpuManagerPolicy: 'none',
  cpuManagerReconcilePeriod: '10s',
  memoryManagerPolicy: 'None',
  topologyManagerPolicy: 'none',
  topologyManagerScope: 'container',
  runtimeRequestTimeout: '2m0s',
  hairpinMode: 'promiscuous-bridge',
  maxPods: 110,
  maxOpenFiles: 1_000_000,
  contentType: 'application/vnd.kubernetes.protobuf',
  kubeAPIBurst: 100,
  evictionPressureTransitionPeriod: '5m0s',
  containerLogMaxSize: '10Mi',
  configMapAndSecretChangeDetectionStrategy: 'Watch',
  volumePluginDir: '/usr/libexec/kubernetes/kubelet-plugins/volume/exec/',
  memoryReservationPolicy: 'None',
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
};

/** Of fields where zero is a value. */
const FOR_ABSENT: Loose = {
  enableServer: true,
  registryPullQPS: 5,
  eventRecordQPS: 50,
  enableDebuggingHandlers: true,
  healthzPort: 10248,
  oomScoreAdj: -999,
  imageMaximumGCAge: '0s',
  imageGCHighThresholdPercent: 85,
  imageGCLowThresholdPercent: 80,
  cgroupsPerQOS: true,
  resolvConf: '/etc/resolv.conf',
  cpuCFSQuota: true,
  cpuCFSQuotaPeriod: '100ms',
  nodeStatusMaxImages: 50,
  kubeAPIQPS: 50,
  mergeDefaultEvictionSettings: false,
  enableControllerAttachDetach: true,
  makeIPTablesUtilChains: true,
  iptablesMasqueradeBit: 14,
  iptablesDropBit: 15,
  failSwapOn: true,
  memorySwap: {},
  containerLogMaxFiles: 5,
  containerLogMaxWorkers: 1,
  containerLogMonitorInterval: '10s',
  enforceNodeAllocatable: ['pods'],
  enableSystemLogHandler: true,
  enableProfilingHandler: true,
  enableDebugFlagsHandler: true,
  enableSystemLogQuery: false,
  shutdownGracePeriod: '0s',
  shutdownGracePeriodCriticalPods: '0s',
  seccompDefault: false,
  memoryThrottlingFactor: 0.9,
  registerNode: true,
  localStorageCapacityIsolation: true,
  failCgroupV1: true,
};

const isZero = (value: unknown): boolean =>
  value === undefined || value === '' || value === 0 || value === '0s';

function filledZeros(defaults: Loose, given: Loose = {}): Loose {
  const result: Record<string, unknown> = { ...given };
  for (const [name, value] of Object.entries(defaults))
    if (isZero(result[name])) result[name] = value;
  return result;
}

/** `decoded`: of the type CONFIGURATION. It is not changed. */
export function withDefaults(decoded: Loose): KubeletConfiguration {
  const config = {
    ...FOR_ABSENT,
    ...filledZeros({ ...FOR_ZERO, ...gated(decoded), ...dependent(decoded) }, decoded),
    apiVersion: API_VERSION,
    kind: KIND,
    authentication: authentication(decoded['authentication'] as Loose | undefined),
    authorization: authorization(decoded['authorization'] as Loose | undefined),
    logging: logging(decoded['logging'] as Loose | undefined),
    crashLoopBackOff: crashLoopBackOff(decoded),
    podPidsLimit: podPidsLimit(decoded['podPidsLimit'] as number | undefined),
    serializeImagePulls: serializesPulls(decoded),
  };
  return config as unknown as KubeletConfiguration;
}

/** The configuration of who gives none. */
export function defaultKubeletConfiguration(
  given: Partial<KubeletConfiguration> = {},
): KubeletConfiguration {
  return withDefaults({ ...given });
}

/**
 * With the thresholds of upstream where a file names none, or where it wants them beside its own.
 */
export function withDefaultEviction(config: KubeletConfiguration): KubeletConfiguration {
  const { evictionHard, mergeDefaultEvictionSettings } = config;
  if (evictionHard !== undefined && !mergeDefaultEvictionSettings) return config;
  return { ...config, evictionHard: { ...DEFAULT_EVICTION_HARD, ...evictionHard } };
}

/** Who says how often the status is looked at means how often it is written too. */
function dependent({ nodeStatusUpdateFrequency }: Loose): Loose {
  return {
    nodeStatusReportFrequency: isZero(nodeStatusUpdateFrequency)
      ? '5m0s'
      : nodeStatusUpdateFrequency,
  };
}

function isOn({ featureGates }: Loose, gate: string): boolean {
  return (featureGates as Readonly<Record<string, boolean>> | undefined)?.[gate] !== false;
}

/** Both gates are on unless they are turned off. */
function gated(decoded: Loose): Loose {
  return isOn(decoded, 'KubeletEnsureSecretPulledImages')
    ? { imagePullCredentialsVerificationPolicy: 'NeverVerifyPreloadedImages' }
    : {};
}

function crashLoopBackOff(decoded: Loose): Loose {
  const given = decoded['crashLoopBackOff'] as Loose | undefined;
  const otherwise = isOn(decoded, 'KubeletCrashLoopBackOffMax')
    ? { maxContainerRestartPeriod: '5m0s' }
    : {};
  return { ...otherwise, ...given };
}

function podPidsLimit(given = -1): number {
  return given < 0 ? -1 : given;
}

/** Who asks for several pulls at a time need not say twice that they are not serial. */
function serializesPulls({ serializeImagePulls, maxParallelImagePulls = 1 }: Loose): unknown {
  return serializeImagePulls ?? (maxParallelImagePulls as number) < 2;
}

function authentication({ x509 = {}, webhook, anonymous }: Loose = {}): Loose {
  return {
    x509,
    webhook: filledZeros({ cacheTTL: '2m0s' }, { enabled: true, ...(webhook as Loose) }),
    anonymous: { enabled: false, ...(anonymous as Loose) },
  };
}

function authorization({ mode, webhook }: Loose = {}): Loose {
  return {
    mode: isZero(mode) ? 'Webhook' : mode,
    webhook: filledZeros(
      { cacheAuthorizedTTL: '5m0s', cacheUnauthorizedTTL: '30s' },
      webhook as Loose | undefined,
    ),
  };
}

function logging(given: Loose | undefined): Loose {
  const { text, json } = (given?.['options'] ?? {}) as Loose;
  const output = { infoBufferSize: '0' };
  return {
    verbosity: 0,
    ...filledZeros({ format: 'text', flushFrequency: '5s' }, given),
    options: { text: { ...output, ...(text as Loose) }, json: { ...output, ...(json as Loose) } },
  };
}
