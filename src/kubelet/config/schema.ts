/**
 * The types of `kubelet.config.k8s.io/v1beta1`, as the strict decoder reads them.
 *
 * Source: upstream v1.36 staging/src/k8s.io/kubelet/config/v1beta1/types.go and
 * staging/src/k8s.io/component-base (logs/api/v1, tracing/api/v1).
 */
import {
  always,
  BOOL,
  DURATION,
  INT32,
  INT64,
  list,
  map,
  object,
  optional,
  pointer,
  scalar,
  STRING,
  struct as structOf,
  TYPE_META,
} from '#api/component-config/fields.ts';
import { typeByName } from '#api/schema/schema.ts';
import type { FieldSchema, FieldType, TypeSchema } from '#api/schema/types.ts';

export const API_VERSION = 'kubelet.config.k8s.io/v1beta1';
export const KIND = 'KubeletConfiguration';

const PACKAGE = 'io.k8s.kubelet.config.v1beta1';
const DOUBLE = scalar('double');
const STRINGS = list(STRING);
const TEXTS = map(STRING);

function struct(
  goName: string,
  members: readonly FieldSchema[],
  goPackage = 'v1beta1',
): TypeSchema {
  return structOf(goName, members, { name: PACKAGE, goPackage });
}

const named = (
  form: (json: string, type: FieldType) => FieldSchema,
  type: FieldType,
  names: string,
): FieldSchema[] => names.split(' ').map((name) => form(name, type));

const AUTHENTICATION = struct('KubeletAuthentication', [
  always('x509', object(struct('KubeletX509Authentication', [optional('clientCAFile', STRING)]))),
  always(
    'webhook',
    object(
      struct('KubeletWebhookAuthentication', [
        pointer('enabled', BOOL),
        optional('cacheTTL', DURATION),
      ]),
    ),
  ),
  always('anonymous', object(struct('KubeletAnonymousAuthentication', [pointer('enabled', BOOL)]))),
]);

const AUTHORIZATION = struct('KubeletAuthorization', [
  optional('mode', {
    kind: 'scalar',
    scalar: 'string',
    goType: 'v1beta1.KubeletAuthorizationMode',
  }),
  always(
    'webhook',
    object(
      struct(
        'KubeletWebhookAuthorization',
        named(optional, DURATION, 'cacheAuthorizedTTL cacheUnauthorizedTTL'),
      ),
    ),
  ),
]);

const OUTPUT: readonly FieldSchema[] = [
  optional('splitStream', BOOL),
  optional('infoBufferSize', scalar('quantity')),
];

const LOGGING = struct(
  'LoggingConfiguration',
  [
    optional('format', STRING),
    // Nanoseconds, or a duration.
    always('flushFrequency', scalar('json')),
    always('verbosity', INT64),
    optional(
      'vmodule',
      list(
        object(
          struct('VModuleItem', [always('filePattern', STRING), always('verbosity', INT64)], 'v1'),
        ),
      ),
    ),
    optional(
      'options',
      object(
        struct(
          'FormatOptions',
          [
            optional('text', object(struct('TextOptions', OUTPUT, 'v1'))),
            optional('json', object(struct('JSONOptions', OUTPUT, 'v1'))),
          ],
          'v1',
        ),
      ),
    ),
  ],
  'v1',
);

const TRACING = struct(
  'TracingConfiguration',
  [pointer('endpoint', STRING), pointer('samplingRatePerMillion', INT32)],
  'v1',
);

const SHUTDOWN_PERIOD = struct('ShutdownGracePeriodByPodPriority', [
  always('priority', INT32),
  always('shutdownGracePeriodSeconds', INT64),
]);

const MEMORY_RESERVATION = struct('MemoryReservation', [
  always('numaNode', INT32),
  always('limits', map(scalar('quantity'))),
]);

const CRASH_LOOP = struct('CrashLoopBackOffConfig', [
  pointer('maxContainerRestartPeriod', DURATION),
]);

const MEMBERS: readonly FieldSchema[] = [
  ...named(
    optional,
    STRING,
    'staticPodPath podLogsDir staticPodURL address tlsCertFile tlsPrivateKeyFile tlsMinVersion healthzBindAddress clusterDomain kubeletCgroups systemCgroups cgroupRoot cgroupDriver cpuManagerPolicy memoryManagerPolicy topologyManagerPolicy topologyManagerScope hairpinMode podCIDR contentType containerLogMaxSize reservedSystemCPUs showHiddenMetricsForVersion systemReservedCgroup kubeReservedCgroup volumePluginDir providerID imageServiceEndpoint configMapAndSecretChangeDetectionStrategy imagePullCredentialsVerificationPolicy memoryReservationPolicy',
  ),
  always('containerRuntimeEndpoint', STRING),
  pointer('resolvConf', STRING),
  ...named(
    optional,
    BOOL,
    'rotateCertificates serverTLSBootstrap enableContentionProfiling runOnce protectKernelDefaults kernelMemcgNotification',
  ),
  ...named(
    pointer,
    BOOL,
    'enableServer enableDebuggingHandlers cgroupsPerQOS singleProcessOOMKill cpuCFSQuota serializeImagePulls mergeDefaultEvictionSettings enableControllerAttachDetach makeIPTablesUtilChains failSwapOn enableSystemLogHandler enableSystemLogQuery enableProfilingHandler enableDebugFlagsHandler seccompDefault registerNode localStorageCapacityIsolation failCgroupV1',
  ),
  ...named(
    optional,
    INT32,
    'port readOnlyPort registryBurst eventBurst nodeLeaseDurationSeconds maxPods kubeAPIBurst evictionMaxPodGracePeriod podsPerCore',
  ),
  ...named(
    pointer,
    INT32,
    'registryPullQPS eventRecordQPS healthzPort oomScoreAdj imageGCHighThresholdPercent imageGCLowThresholdPercent nodeStatusMaxImages kubeAPIQPS maxParallelImagePulls iptablesMasqueradeBit iptablesDropBit containerLogMaxFiles containerLogMaxWorkers',
  ),
  optional('maxOpenFiles', INT64),
  pointer('podPidsLimit', INT64),
  pointer('memoryThrottlingFactor', DOUBLE),
  ...named(
    optional,
    DURATION,
    'syncFrequency fileCheckFrequency httpCheckFrequency streamingConnectionIdleTimeout nodeStatusUpdateFrequency nodeStatusReportFrequency imageMinimumGCAge imageMaximumGCAge volumeStatsAggPeriod cpuManagerReconcilePeriod runtimeRequestTimeout evictionPressureTransitionPeriod shutdownGracePeriod shutdownGracePeriodCriticalPods',
  ),
  ...named(pointer, DURATION, 'cpuCFSQuotaPeriod containerLogMonitorInterval'),
  ...named(
    optional,
    STRINGS,
    'tlsCipherSuites clusterDNS enforceNodeAllocatable allowedUnsafeSysctls preloadedImagesVerificationAllowlist',
  ),
  optional('tlsCurvePreferences', list(INT32)),
  ...named(
    optional,
    TEXTS,
    'cpuManagerPolicyOptions topologyManagerPolicyOptions qosReserved evictionHard evictionSoft evictionSoftGracePeriod evictionMinimumReclaim systemReserved kubeReserved',
  ),
  optional('staticPodURLHeader', map(STRINGS)),
  optional('featureGates', map(BOOL)),
  always('authentication', object(AUTHENTICATION)),
  always('authorization', object(AUTHORIZATION)),
  optional(
    'memorySwap',
    object(struct('MemorySwapConfiguration', [optional('swapBehavior', STRING)])),
  ),
  optional('logging', object(LOGGING)),
  optional('shutdownGracePeriodByPodPriority', list(object(SHUTDOWN_PERIOD))),
  optional('crashLoopBackOff', object(CRASH_LOOP)),
  optional('reservedMemory', list(object(MEMORY_RESERVATION))),
  optional('registerWithTaints', list(object(typeByName('io.k8s.api.core.v1.Taint')))),
  pointer('tracing', object(TRACING)),
  pointer('userNamespaces', object(struct('UserNamespaces', [pointer('idsPerPod', INT64)]))),
];

export const CONFIGURATION = struct(KIND, [...TYPE_META, ...MEMBERS]);

/** Names of all fields, as the file has them. */
export const FIELDS: readonly string[] = MEMBERS.map(({ json }) => json);
