/**
 * The flags of upstream's kubelet that set a field of its configuration (all of them deprecated
 * there, but for a few), and what they make of it.
 *
 * Source: upstream v1.36 cmd/kubelet/app/options/options.go (AddKubeletConfigFlags),
 * pkg/util/flag/flags.go.
 */
import { formatDuration, parseDuration } from '#api/codec/duration.ts';
import { FeatureGateError, parseFeatureGates } from '#api/features/feature-gates.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { bool, duration, type FlagSpec, list, text } from '../flags.ts';
import { messageOf, UserError } from '../user-error.ts';

type Kind = 'text' | 'bool' | 'int' | 'time' | 'list' | 'pairs' | 'bounds' | 'gates' | 'taints';

/** Flag, field (a path with dots), kind. */
const TABLE = `
address address text
allowed-unsafe-sysctls allowedUnsafeSysctls list
anonymous-auth authentication.anonymous.enabled bool
authentication-token-webhook authentication.webhook.enabled bool
authentication-token-webhook-cache-ttl authentication.webhook.cacheTTL time
authorization-mode authorization.mode text
authorization-webhook-cache-authorized-ttl authorization.webhook.cacheAuthorizedTTL time
authorization-webhook-cache-unauthorized-ttl authorization.webhook.cacheUnauthorizedTTL time
cgroup-driver cgroupDriver text
cgroup-root cgroupRoot text
cgroups-per-qos cgroupsPerQOS bool
client-ca-file authentication.x509.clientCAFile text
cluster-dns clusterDNS list
cluster-domain clusterDomain text
container-log-max-files containerLogMaxFiles int
container-log-max-size containerLogMaxSize text
container-runtime-endpoint containerRuntimeEndpoint text
contention-profiling enableContentionProfiling bool
cpu-cfs-quota cpuCFSQuota bool
cpu-cfs-quota-period cpuCFSQuotaPeriod time
cpu-manager-policy cpuManagerPolicy text
cpu-manager-policy-options cpuManagerPolicyOptions pairs
cpu-manager-reconcile-period cpuManagerReconcilePeriod time
enable-controller-attach-detach enableControllerAttachDetach bool
enable-debugging-handlers enableDebuggingHandlers bool
enable-server enableServer bool
enforce-node-allocatable enforceNodeAllocatable list
event-burst eventBurst int
event-qps eventRecordQPS int
eviction-hard evictionHard bounds
eviction-max-pod-grace-period evictionMaxPodGracePeriod int
eviction-minimum-reclaim evictionMinimumReclaim pairs
eviction-pressure-transition-period evictionPressureTransitionPeriod time
eviction-soft evictionSoft bounds
eviction-soft-grace-period evictionSoftGracePeriod pairs
fail-cgroupv1 failCgroupV1 bool
fail-swap-on failSwapOn bool
feature-gates featureGates gates
file-check-frequency fileCheckFrequency time
hairpin-mode hairpinMode text
healthz-bind-address healthzBindAddress text
healthz-port healthzPort int
http-check-frequency httpCheckFrequency time
image-gc-high-threshold imageGCHighThresholdPercent int
image-gc-low-threshold imageGCLowThresholdPercent int
image-service-endpoint imageServiceEndpoint text
kernel-memcg-notification kernelMemcgNotification bool
kube-api-burst kubeAPIBurst int
kube-api-content-type contentType text
kube-api-qps kubeAPIQPS int
kube-reserved kubeReserved pairs
kube-reserved-cgroup kubeReservedCgroup text
kubelet-cgroups kubeletCgroups text
local-storage-capacity-isolation localStorageCapacityIsolation bool
logging-format logging.format text
log-flush-frequency logging.flushFrequency time
make-iptables-util-chains makeIPTablesUtilChains bool
manifest-url staticPodURL text
max-open-files maxOpenFiles int
max-pods maxPods int
memory-manager-policy memoryManagerPolicy text
minimum-image-ttl-duration imageMinimumGCAge time
node-status-max-images nodeStatusMaxImages int
node-status-update-frequency nodeStatusUpdateFrequency time
oom-score-adj oomScoreAdj int
pod-cidr podCIDR text
pod-manifest-path staticPodPath text
pod-max-pids podPidsLimit int
pods-per-core podsPerCore int
port port int
protect-kernel-defaults protectKernelDefaults bool
provider-id providerID text
qos-reserved qosReserved pairs
read-only-port readOnlyPort int
register-node registerNode bool
register-with-taints registerWithTaints taints
registry-burst registryBurst int
registry-qps registryPullQPS int
reserved-cpus reservedSystemCPUs text
resolv-conf resolvConf text
rotate-certificates rotateCertificates bool
rotate-server-certificates serverTLSBootstrap bool
runonce runOnce bool
runtime-request-timeout runtimeRequestTimeout time
seccomp-default seccompDefault bool
serialize-image-pulls serializeImagePulls bool
streaming-connection-idle-timeout streamingConnectionIdleTimeout time
sync-frequency syncFrequency time
system-cgroups systemCgroups text
system-reserved systemReserved pairs
system-reserved-cgroup systemReservedCgroup text
tls-cert-file tlsCertFile text
tls-cipher-suites tlsCipherSuites list
tls-min-version tlsMinVersion text
tls-private-key-file tlsPrivateKeyFile text
topology-manager-policy topologyManagerPolicy text
topology-manager-policy-options topologyManagerPolicyOptions pairs
topology-manager-scope topologyManagerScope text
v logging.verbosity int
volume-plugin-dir volumePluginDir text
volume-stats-agg-period volumeStatsAggPeriod time
`;

interface ConfigFlag {
  readonly path: readonly string[];
  readonly kind: Kind;
}

const FLAGS: ReadonlyMap<string, ConfigFlag> = new Map(
  TABLE.trim()
    .split('\n')
    .map((line) => {
      const [flag = '', path = '', kind] = line.split(' ');
      return [flag, { path: path.split('.'), kind: kind as Kind }];
    }),
);

/** For a program's table; `defaults`: what holds where no flag and no file says anything. */
export function configFlags(defaults: KubeletConfiguration): Record<string, FlagSpec> {
  return Object.fromEntries(
    [...FLAGS].map(([flag, { path, kind }]) => {
      const help = `sets ${path.join('.')} of the configuration`;
      const value = path.reduce<Json | undefined>(
        (found, part) => (found as JsonObject | undefined)?.[part],
        defaults as unknown as JsonObject,
      );
      const fallback = typeof value === 'object' || value === undefined ? '' : String(value);
      const make = { bool, time: duration, list }[kind as 'bool'] ?? text;
      return [flag, make(kind === 'bool' && fallback === '' ? 'false' : fallback, help)];
    }),
  );
}

/** What a program's flags were given. */
interface Given {
  isGiven(name: string): boolean;
  text(name: string): string;
}

/** `config` with the flags that were given before it. Throws UserError that names the flag. */
export function withFlags(config: KubeletConfiguration, flags: Given): KubeletConfiguration {
  let result = config as unknown as JsonObject;
  for (const [flag, { path, kind }] of FLAGS) {
    if (!flags.isGiven(flag)) continue;
    const value = valueOf(flag, kind, flags.text(flag));
    const gates = kind === 'gates' ? result['featureGates'] : undefined;
    // A map is replaced as a whole, but for gates.
    result = set(result, path, gates === undefined ? value : mergePatch(gates, value));
  }
  return result as unknown as KubeletConfiguration;
}

function set(
  object: JsonObject,
  [first = '', ...rest]: readonly string[],
  value: Json,
): JsonObject {
  const inner = (object[first] ?? {}) as JsonObject;
  return { ...object, [first]: rest.length === 0 ? value : set(inner, rest, value) };
}

function valueOf(flag: string, kind: Kind, given: string): Json {
  const parts = given.split(',').filter((part) => part !== '');
  switch (kind) {
    case 'text':
      return given;
    case 'bool':
      return given === 'true';
    case 'int':
      return integer(flag, given);
    case 'time':
      return formatDuration(parseDuration(given));
    case 'list':
      return parts.map((part) => part.trim());
    case 'pairs':
      return pairs(flag, parts, '=');
    case 'bounds':
      return pairs(flag, parts, '<');
    case 'gates':
      return gates(flag, given);
    case 'taints':
      return parts.map((part) => taint(flag, part));
  }
}

function invalid(flag: string, given: string, why: string): UserError {
  return new UserError(`invalid argument ${JSON.stringify(given)} for "--${flag}" flag: ${why}`);
}

function integer(flag: string, given: string): number {
  if (/^[+-]?\d{1,15}$/.test(given)) return Number(given);
  throw invalid(flag, given, 'it is no whole number');
}

function pairs(flag: string, parts: readonly string[], sign: string): Record<string, string> {
  return Object.fromEntries(
    parts.map((part) => {
      const at = part.indexOf(sign);
      if (at < 0) throw invalid(flag, part, `malformed pair, expect string${sign}string`);
      return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    }),
  );
}

function gates(flag: string, given: string): Record<string, boolean> {
  try {
    return Object.fromEntries(parseFeatureGates(given));
  } catch (error) {
    if (!(error instanceof FeatureGateError)) throw error;
    throw invalid(flag, given, messageOf(error));
  }
}

/** `key=value:effect`, `key:effect`. */
function taint(flag: string, given: string): JsonObject {
  const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(given);
  if (match === null) throw invalid(flag, given, `invalid taint spec: ${given}`);
  const [, key = '', value = '', effect = ''] = match;
  return { key, ...(value === '' ? {} : { value }), effect };
}
