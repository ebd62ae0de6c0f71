/**
 * What a `KubeletConfiguration` may say, with upstream's messages and in its order.
 *
 * Pure. Source: upstream v1.36 pkg/kubelet/apis/config/validation/validation.go (and its files for
 * Linux and for reserved memory).
 */
import { parseDuration } from '#api/codec/duration.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { Taint } from '#api/gen/core-v1.ts';
import { isLabelValue, isPortNumber, isQualifiedName } from '#api/meta/names.ts';
import { messageOf } from '#base/error.ts';
import { parseCpuList } from './cpu-list.ts';
import type { KubeletConfiguration } from './types.ts';
import { validateImageVerification } from './validate-images.ts';
import { validateLogging, validateTracing } from './validate-logging.ts';
import { validateEnforcement, validateReservedMemory } from './validate-reservations.ts';
import { validateShutdown } from './validate-shutdown.ts';

export interface ValidationFacts {
  readonly gates: FeatureGates;
  /** Of the machine; undefined: it is not known, and nothing is refused for it. */
  readonly cgroupVersion?: 1 | 2 | undefined;
}

/** Everything that is wrong; empty when it can be used. */
export function validateKubeletConfiguration(
  config: KubeletConfiguration,
  facts: ValidationFacts,
): string[] {
  const { gates } = facts;
  const problems = [
    ...validateNumbers(config),
    ...(config.serverTLSBootstrap === true && !gates.enabled('RotateKubeletServerCertificate')
      ? ['serverTLSBootstrap true requires feature gate RotateKubeletServerCertificate']
      : []),
    ...(config.runOnce === true
      ? ['runOnce (--runOnce) true, Runonce mode has been deprecated and should not be set']
      : []),
  ].map(invalid);
  return [
    ...problems,
    ...(config.registerWithTaints ?? []).flatMap(taintProblems),
    ...[
      ...validateTopology(config),
      ...validateShutdown(config),
      ...validateBackOff(config, gates),
      ...validateEnforcement(config),
      ...oneOf('option', config.hairpinMode, {
        field: 'hairpinMode (--hairpin-mode)',
        values: ['none', 'hairpin-veth', 'promiscuous-bridge'],
      }),
      ...validateImageVerification(config, gates),
      ...validateReservedCpus(config),
      ...validateReservedMemory(config),
    ].map(invalid),
    ...validateMachine(config, facts),
    ...validateHiddenMetrics(config),
    ...validateLogging(config.logging),
    ...validateTracing(config.tracing),
    ...validateRest(config).map(invalid),
  ];
}

function invalid(problem: string): string {
  return `invalid configuration: ${problem}`;
}

/** Several problems are put in brackets, each once, as Go's aggregate of errors. */
export function aggregate(problems: readonly string[]): string {
  const all = [...new Set(problems)];
  return all.length === 1 ? all.join() : `[${all.join(', ')}]`;
}

const isBetween = (value: number, low: number, high: number): boolean =>
  value >= low && value <= high;
const isPort = (port: number): boolean => isPortNumber(port).length === 0;

type Check = readonly [isFine: boolean, problem: string];

function failed(checks: readonly Check[]): string[] {
  return checks.filter(([isFine]) => !isFine).map(([, problem]) => problem);
}

function validateNumbers(config: KubeletConfiguration): string[] {
  return [
    ...validateFirst(config),
    ...validateImageGc(config),
    ...failed([
      range(config.iptablesDropBit, 'iptablesDropBit (--iptables-drop-bit)', [0, 31]),
      range(
        config.iptablesMasqueradeBit,
        'iptablesMasqueradeBit (--iptables-masquerade-bit)',
        [0, 31],
      ),
      notNegative(config.kubeAPIBurst, 'kubeAPIBurst (--kube-api-burst)'),
      notNegative(config.kubeAPIQPS, 'kubeAPIQPS (--kube-api-qps)'),
      [
        config.nodeStatusMaxImages >= -1,
        `nodeStatusMaxImages (--node-status-max-images) ${config.nodeStatusMaxImages} must be -1 or greater`,
      ],
      notNegative(config.maxOpenFiles, 'maxOpenFiles (--max-open-files)'),
      notNegative(config.maxPods, 'maxPods (--max-pods)'),
      range(config.oomScoreAdj, 'oomScoreAdj (--oom-score-adj)', [-1000, 1000]),
      notNegative(config.podsPerCore ?? 0, 'podsPerCore (--pods-per-core)'),
      [isPort(config.port), `port (--port) ${config.port} must be between 1 and 65535, inclusive`],
      [
        (config.readOnlyPort ?? 0) === 0 || isPort(config.readOnlyPort ?? 0),
        `readOnlyPort (--read-only-port) ${config.readOnlyPort} must be between 0 and 65535, inclusive`,
      ],
      notNegative(config.registryBurst, 'registryBurst (--registry-burst)'),
      notNegative(config.registryPullQPS, 'registryPullQPS (--registry-qps)'),
      [
        (config.maxParallelImagePulls ?? 1) >= 1,
        `maxParallelImagePulls ${config.maxParallelImagePulls} must be a positive number`,
      ],
      [
        !config.serializeImagePulls || (config.maxParallelImagePulls ?? 1) <= 1,
        'maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) is set to false',
      ],
    ]),
  ];
}

function validateFirst(config: KubeletConfiguration): string[] {
  const periodNanos = parseDuration(config.cpuCFSQuotaPeriod);
  return failed([
    [config.nodeLeaseDurationSeconds > 0, 'nodeLeaseDurationSeconds must be greater than 0'],
    [
      (config.systemCgroups ?? '') === '' || (config.cgroupRoot ?? '') !== '',
      'systemCgroups (--system-cgroups) was specified and cgroupRoot (--cgroup-root) was not specified',
    ],
    notNegative(config.eventBurst, 'eventBurst (--event-burst)'),
    notNegative(config.eventRecordQPS, 'eventRecordQPS (--event-qps)'),
    [
      config.healthzPort === 0 || isPort(config.healthzPort),
      `healthzPort (--healthz-port) ${config.healthzPort} must be between 1 and 65535, inclusive`,
    ],
    [
      isBetween(periodNanos, 1e6, 1e9),
      `cpuCFSQuotaPeriod (--cpu-cfs-quota-period) ${config.cpuCFSQuotaPeriod} must be between 1ms and 1sec, inclusive`,
    ],
  ]);
}

function validateImageGc(config: KubeletConfiguration): string[] {
  const { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low } = config;
  const { imageMinimumGCAge: min, imageMaximumGCAge: max } = config;
  return failed([
    range(high, 'imageGCHighThresholdPercent (--image-gc-high-threshold)', [0, 100]),
    range(low, 'imageGCLowThresholdPercent (--image-gc-low-threshold)', [0, 100]),
    [
      low < high,
      `imageGCLowThresholdPercent (--image-gc-low-threshold) ${low} must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) ${high}`,
    ],
    [parseDuration(min) >= 0, `imageMinimumGCAge ${min} must not be negative`],
    [parseDuration(max) >= 0, `imageMaximumGCAge ${max} must not be negative`],
    [
      parseDuration(max) <= 0 || parseDuration(max) > parseDuration(min),
      `imageMaximumGCAge ${max} must be greater than imageMinimumGCAge ${min}`,
    ],
  ]);
}

function range(value: number, field: string, [low, high]: readonly [number, number]): Check {
  return [
    isBetween(value, low, high),
    `${field} ${value} must be between ${low} and ${high}, inclusive`,
  ];
}

function notNegative(value: number, field: string): Check {
  return [value >= 0, `${field} ${value} must not be a negative number`];
}

const EFFECTS: readonly (string | undefined)[] = [
  undefined,
  '',
  'NoSchedule',
  'PreferNoSchedule',
  'NoExecute',
];

function taintProblems(taint: Taint): string[] {
  const { key, value = '', effect } = taint;
  const isFine =
    isQualifiedName(key).length === 0 &&
    (value === '' || isLabelValue(value).length === 0) &&
    EFFECTS.includes(effect);
  return [
    ...(isFine ? [] : [`invalid taint: {${key} ${value} ${effect ?? ''} <nil>}`]),
    ...(taint.timeAdded === undefined ? [] : [invalid('taint.TimeAdded is not nil')]),
  ];
}

function validateTopology({
  topologyManagerPolicy: policy,
  topologyManagerScope: scope,
}: KubeletConfiguration): string[] {
  const policies = ['none', 'best-effort', 'restricted', 'single-numa-node'];
  return failed([
    [
      policies.includes(policy),
      `topologyManagerPolicy (--topology-manager-policy) ${JSON.stringify(policy)} must be one of: [${policies.map((each) => JSON.stringify(each)).join(' ')}]`,
    ],
    [
      ['container', 'pod'].includes(scope),
      `topologyManagerScope (--topology-manager-scope) ${JSON.stringify(scope)} must be one of: "container", or "pod"`,
    ],
  ]);
}

function validateBackOff(config: KubeletConfiguration, gates: FeatureGates): string[] {
  const { swapBehavior = '' } = config.memorySwap;
  const { maxContainerRestartPeriod: max } = config.crashLoopBackOff;
  const hasGate = gates.enabled('KubeletCrashLoopBackOffMax');
  const seconds = max === undefined ? 0 : parseDuration(max) / 1e9;
  return failed([
    [
      ['', 'NoSwap', 'LimitedSwap'].includes(swapBehavior),
      `memorySwap.swapBehavior ${JSON.stringify(swapBehavior)} must be one of: "", "LimitedSwap" or "NoSwap"`,
    ],
    [
      !hasGate || max === undefined || isBetween(seconds, 1, 300),
      `CrashLoopBackOff.MaxContainerRestartPeriod (got: ${seconds} seconds) must be set between 1s and 300s`,
    ],
    [
      hasGate || max === undefined,
      'FeatureGate KubeletCrashLoopBackOffMax not enabled, CrashLoopBackOff.MaxContainerRestartPeriod must not be set',
    ],
  ]);
}

function oneOf(
  what: string,
  value: string,
  { field, values }: { readonly field: string; readonly values: readonly string[] },
): string[] {
  if (values.includes(value)) return [];
  const quoted = values.map((each) => JSON.stringify(each));
  const all = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
  return [`${what} ${JSON.stringify(value)} specified for ${field}. Valid options are ${all}`];
}

function validateReservedCpus(config: KubeletConfiguration): string[] {
  const { reservedSystemCPUs: cpus = '', systemReservedCgroup, kubeReservedCgroup } = config;
  if (cpus === '') return [];
  const hasCgroup = (systemReservedCgroup ?? '') !== '' || (kubeReservedCgroup ?? '') !== '';
  const problems = hasCgroup
    ? [
        "can't use reservedSystemCPUs (--reserved-cpus) with systemReservedCgroup (--system-reserved-cgroup) or kubeReservedCgroup (--kube-reserved-cgroup)",
      ]
    : [];
  try {
    parseCpuList(cpus);
  } catch (error) {
    problems.push(
      `unable to parse reservedSystemCPUs (--reserved-cpus) ${cpus}, error: ${messageOf(error)}`,
    );
  }
  return problems;
}

const IDS_UNIT = 65_536;
const IDS_MAX = 2 ** 32 - 1;

/** The first problem with the machine, as upstream has it. */
function validateMachine(
  config: KubeletConfiguration,
  { cgroupVersion }: ValidationFacts,
): string[] {
  if (config.failCgroupV1 && cgroupVersion === 1)
    return [
      'kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is unsupported and will be removed in a future release',
    ];
  if (cgroupVersion === 1 && config.singleProcessOOMKill === false)
    return [
      invalid('singleProcessOOMKill must not be explicitly set to false when using cgroup v1'),
    ];
  const { idsPerPod } = config.userNamespaces ?? {};
  if (idsPerPod === undefined) return [];
  const [problem] = failed([
    [idsPerPod >= IDS_UNIT, `must not be less than ${IDS_UNIT}`],
    [idsPerPod % IDS_UNIT === 0, `must be a multiple of ${IDS_UNIT}`],
    [idsPerPod <= IDS_MAX, `must not be more than ${IDS_MAX}`],
  ]);
  return problem === undefined ? [] : [invalid(`userNamespaces.idsPerPod ${problem}`)];
}

const PREVIOUS_MINOR = '1.35';

function validateHiddenMetrics({
  showHiddenMetricsForVersion: version = '',
}: KubeletConfiguration): string[] {
  return version === '' || version === PREVIOUS_MINOR
    ? []
    : [
        `invalid showHiddenMetricsForVersion: showHiddenMetricsForVersion: Invalid value: ${JSON.stringify(version)}: must be omitted or have the value '${PREVIOUS_MINOR}'; only the previous minor version is allowed`,
      ];
}

function validateRest(config: KubeletConfiguration): string[] {
  const { memoryThrottlingFactor: factor, memoryReservationPolicy: policy, podLogsDir } = config;
  const path = `pod logs path ${JSON.stringify(podLogsDir)}`;
  return failed([
    [
      factor > 0 && factor <= 1,
      `memoryThrottlingFactor ${factor} must be greater than 0 and less than or equal to 1.0`,
    ],
    [
      policy !== 'TieredReservation',
      `memoryReservationPolicy "${policy}" requires MemoryQoS feature gate to be enabled`,
    ],
    [
      ['None', 'TieredReservation'].includes(policy),
      `option ${JSON.stringify(policy)} specified for memoryReservationPolicy. Valid options are "None" or "TieredReservation"`,
    ],
    [
      config.enableSystemLogQuery !== true || config.enableSystemLogHandler,
      'enableSystemLogHandler is required for enableSystemLogQuery',
    ],
    [
      config.containerLogMaxWorkers >= 1,
      'containerLogMaxWorkers must be greater than or equal to 1',
    ],
    [
      parseDuration(config.containerLogMonitorInterval) >= 3e9,
      'containerLogMonitorInterval must be a positive time duration greater than or equal to 3s',
    ],
    [config.containerLogMaxFiles > 1, 'containerLogMaxFiles must be greater than 1'],
    [podLogsDir.startsWith('/'), `${path} must be absolute path`],
    [isNormalized(podLogsDir), `${path} must be normalized`],
    [
      Buffer.byteLength(podLogsDir) === podLogsDir.length,
      `${path} mut contains ASCII characters only`,
    ],
  ]);
}

function isNormalized(path: string): boolean {
  const parts = path.split('/').slice(path.startsWith('/') ? 1 : 0);
  return path === '/' || parts.every((part) => part !== '' && part !== '.' && part !== '..');
}
