/** What a KubeletConfiguration may not say, in upstream's words. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FeatureGates } from '#api/features/feature-gates.ts';
import { parseCpuList } from './cpu-list.ts';
import { withDefaults } from './defaults.ts';
import { aggregate, validateKubeletConfiguration } from './validate.ts';

type Given = Readonly<Record<string, unknown>>;

function problems(given: Given, cgroupVersion?: 1 | 2): string[] {
  const gates = new FeatureGates(
    new Map(Object.entries((given['featureGates'] ?? {}) as Record<string, boolean>)),
    'kubelet',
  );
  return validateKubeletConfiguration(withDefaults(given), { gates, cgroupVersion });
}

const INVALID = 'invalid configuration: ';

/** Each is one problem; the first is found without its beginning. */
const REFUSED: readonly (readonly [given: Given, problem: string, isWhole?: true])[] = [
  [{ nodeLeaseDurationSeconds: -1 }, 'nodeLeaseDurationSeconds must be greater than 0'],
  [
    { systemCgroups: '/s' },
    'systemCgroups (--system-cgroups) was specified and cgroupRoot (--cgroup-root) was not specified',
  ],
  [{ eventBurst: -1 }, 'eventBurst (--event-burst) -1 must not be a negative number'],
  [{ eventRecordQPS: -1 }, 'eventRecordQPS (--event-qps) -1 must not be a negative number'],
  [
    { healthzPort: 65536 },
    'healthzPort (--healthz-port) 65536 must be between 1 and 65535, inclusive',
  ],
  [
    { cpuCFSQuotaPeriod: '2s' },
    'cpuCFSQuotaPeriod (--cpu-cfs-quota-period) 2s must be between 1ms and 1sec, inclusive',
  ],
  [
    { cpuCFSQuotaPeriod: '999µs' },
    'cpuCFSQuotaPeriod (--cpu-cfs-quota-period) 999µs must be between 1ms and 1sec, inclusive',
  ],
  [
    { imageGCHighThresholdPercent: 101 },
    'imageGCHighThresholdPercent (--image-gc-high-threshold) 101 must be between 0 and 100, inclusive',
  ],
  [
    { imageGCLowThresholdPercent: -1 },
    'imageGCLowThresholdPercent (--image-gc-low-threshold) -1 must be between 0 and 100, inclusive',
  ],
  [
    { imageGCLowThresholdPercent: 85 },
    'imageGCLowThresholdPercent (--image-gc-low-threshold) 85 must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) 85',
  ],
  [{ imageMinimumGCAge: '-1s' }, 'imageMinimumGCAge -1s must not be negative'],
  [{ imageMaximumGCAge: '-1s' }, 'imageMaximumGCAge -1s must not be negative'],
  [
    { imageMaximumGCAge: '2m0s' },
    'imageMaximumGCAge 2m0s must be greater than imageMinimumGCAge 2m0s',
  ],
  [
    { iptablesDropBit: 32 },
    'iptablesDropBit (--iptables-drop-bit) 32 must be between 0 and 31, inclusive',
  ],
  [
    { iptablesMasqueradeBit: -1 },
    'iptablesMasqueradeBit (--iptables-masquerade-bit) -1 must be between 0 and 31, inclusive',
  ],
  [{ kubeAPIBurst: -1 }, 'kubeAPIBurst (--kube-api-burst) -1 must not be a negative number'],
  [{ kubeAPIQPS: -1 }, 'kubeAPIQPS (--kube-api-qps) -1 must not be a negative number'],
  [
    { nodeStatusMaxImages: -2 },
    'nodeStatusMaxImages (--node-status-max-images) -2 must be -1 or greater',
  ],
  [{ maxOpenFiles: -1 }, 'maxOpenFiles (--max-open-files) -1 must not be a negative number'],
  [{ maxPods: -1 }, 'maxPods (--max-pods) -1 must not be a negative number'],
  [
    { oomScoreAdj: -1001 },
    'oomScoreAdj (--oom-score-adj) -1001 must be between -1000 and 1000, inclusive',
  ],
  [{ podsPerCore: -1 }, 'podsPerCore (--pods-per-core) -1 must not be a negative number'],
  [{ port: 65536 }, 'port (--port) 65536 must be between 1 and 65535, inclusive'],
  [
    { readOnlyPort: -1 },
    'readOnlyPort (--read-only-port) -1 must be between 0 and 65535, inclusive',
  ],
  [{ registryBurst: -1 }, 'registryBurst (--registry-burst) -1 must not be a negative number'],
  [{ registryPullQPS: -1 }, 'registryPullQPS (--registry-qps) -1 must not be a negative number'],
  [{ maxParallelImagePulls: 0 }, 'maxParallelImagePulls 0 must be a positive number'],
  [
    { maxParallelImagePulls: 2, serializeImagePulls: true },
    'maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) is set to false',
  ],
  [
    { runOnce: true },
    'runOnce (--runOnce) true, Runonce mode has been deprecated and should not be set',
  ],
  [
    { registerWithTaints: [{ key: 'a b', value: 'v', effect: 'NoSchedule' }] },
    'invalid taint: {a b v NoSchedule <nil>}',
    true,
  ],
  [
    { registerWithTaints: [{ key: 'a', effect: 'Never' }] },
    'invalid taint: {a  Never <nil>}',
    true,
  ],
  [
    { registerWithTaints: [{ key: 'a', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' }] },
    'taint.TimeAdded is not nil',
  ],
  [
    { topologyManagerPolicy: 'best' },
    'topologyManagerPolicy (--topology-manager-policy) "best" must be one of: ["none" "best-effort" "restricted" "single-numa-node"]',
  ],
  [
    { topologyManagerScope: 'node' },
    'topologyManagerScope (--topology-manager-scope) "node" must be one of: "container", or "pod"',
  ],
  [
    { shutdownGracePeriod: '10s', shutdownGracePeriodCriticalPods: '20s' },
    'shutdownGracePeriodCriticalPods 20s must be <= shutdownGracePeriod 10s',
  ],
  [
    { shutdownGracePeriod: '500ms' },
    'shutdownGracePeriod 500ms must be either zero or otherwise >= 1 sec',
  ],
  [
    { shutdownGracePeriodCriticalPods: '-1s' },
    'shutdownGracePeriodCriticalPods -1s must be either zero or otherwise >= 1 sec',
  ],
  [
    {
      shutdownGracePeriod: '10s',
      shutdownGracePeriodByPodPriority: [{ priority: 1, shutdownGracePeriodSeconds: 1 }],
    },
    'Cannot specify both shutdownGracePeriodByPodPriority and shutdownGracePeriod at the same time',
  ],
  [
    { memorySwap: { swapBehavior: 'Some' } },
    'memorySwap.swapBehavior "Some" must be one of: "", "LimitedSwap" or "NoSwap"',
  ],
  [
    { crashLoopBackOff: { maxContainerRestartPeriod: '5m1s' } },
    'CrashLoopBackOff.MaxContainerRestartPeriod (got: 301 seconds) must be set between 1s and 300s',
  ],
  [
    {
      crashLoopBackOff: { maxContainerRestartPeriod: '5s' },
      featureGates: { KubeletCrashLoopBackOffMax: false },
    },
    'FeatureGate KubeletCrashLoopBackOffMax not enabled, CrashLoopBackOff.MaxContainerRestartPeriod must not be set',
  ],
  [
    {
      enforceNodeAllocatable: ['kube-reserved', 'kube-reserved-compressible'],
      kubeReservedCgroup: '/k',
    },
    'both "kube-reserved" and "kube-reserved-compressible" cannot be specified together in enforceNodeAllocatable (--enforce-node-allocatable)',
  ],
  [
    { enforceNodeAllocatable: ['pods', 'pods'] },
    'duplicated enforcements "pods" in enforceNodeAllocatable (--enforce-node-allocatable)',
  ],
  [
    { enforceNodeAllocatable: ['system-reserved'] },
    'systemReservedCgroup (--system-reserved-cgroup) must be specified when "system-reserved" or "system-reserved-compressible" included in enforceNodeAllocatable (--enforce-node-allocatable)',
  ],
  [
    { enforceNodeAllocatable: ['none', 'pods'] },
    'enforceNodeAllocatable (--enforce-node-allocatable) may not contain additional enforcements when "none" is specified',
  ],
  [
    { enforceNodeAllocatable: ['all'] },
    'option "all" specified for enforceNodeAllocatable (--enforce-node-allocatable). Valid options are "pods", "system-reserved", "system-reserved-compressible", "kube-reserved", "kube-reserved-compressible" or "none"',
  ],
  [
    { cgroupsPerQOS: false },
    'cgroupsPerQOS (--cgroups-per-qos) must be set to true when "pods" contained in enforceNodeAllocatable (--enforce-node-allocatable)',
  ],
  [
    { hairpinMode: 'yes' },
    'option "yes" specified for hairpinMode (--hairpin-mode). Valid options are "none", "hairpin-veth" or "promiscuous-bridge"',
  ],
  [
    { imagePullCredentialsVerificationPolicy: 'Maybe' },
    'option "Maybe" specified for imagePullCredentialsVerificationPolicy. Valid options are "NeverVerify", "NeverVerifyPreloadedImages", "NeverVerifyAllowlistedImages" or "AlwaysVerify"',
  ],
  [
    { preloadedImagesVerificationAllowlist: ['a/*'] },
    'can\'t set `preloadedImagesVerificationAllowlist` if `imagePullCredentialsVertificationPolicy` is not "NeverVerifyAllowlistedImages"',
  ],
  [
    allowlist(' a'),
    'invalid image pattern in `preloadedImagesVerificationAllowlist`: leading/trailing spaces are not allowed:  a',
  ],
  [
    allowlist('/*'),
    'invalid image pattern in `preloadedImagesVerificationAllowlist`: at least registry hostname is required',
  ],
  [
    allowlist('a*/b'),
    "invalid image pattern in `preloadedImagesVerificationAllowlist`: not a valid wildcard pattern, only patterns ending with '/*' are allowed: a*/b",
  ],
  [
    allowlist('a/b:1'),
    'invalid image pattern in `preloadedImagesVerificationAllowlist`: neither tag nor digest is accepted in an image reference: a/b:1',
  ],
  [
    { reservedSystemCPUs: '0', kubeReservedCgroup: '/k' },
    "can't use reservedSystemCPUs (--reserved-cpus) with systemReservedCgroup (--system-reserved-cgroup) or kubeReservedCgroup (--kube-reserved-cgroup)",
  ],
  [
    { reservedSystemCPUs: '3-1' },
    'unable to parse reservedSystemCPUs (--reserved-cpus) 3-1, error: invalid range "3-1" (3 > 1)',
  ],
  [
    { reservedMemory: [{ numaNode: 0, limits: { cpu: '1' } }] },
    'the limit type "cpu" for NUMA node 0 is not supported, only [memory hugepages-<HugePageSize>] is accepted',
  ],
  [
    { reservedMemory: [{ numaNode: 1, limits: { memory: '0' } }] },
    'reserved memory may not be zero for NUMA node 1 and resource "memory"',
  ],
  [
    {
      reservedMemory: [
        { numaNode: 1, limits: { memory: '1' } },
        { numaNode: 1, limits: { memory: '2' } },
      ],
    },
    'the reserved memory has a duplicate value for NUMA node 1 and resource "memory"',
  ],
  [{ userNamespaces: { idsPerPod: 1000 } }, 'userNamespaces.idsPerPod must not be less than 65536'],
  [
    { userNamespaces: { idsPerPod: 65537 } },
    'userNamespaces.idsPerPod must be a multiple of 65536',
  ],
  [
    { userNamespaces: { idsPerPod: 2 ** 32 } },
    'userNamespaces.idsPerPod must not be more than 4294967295',
  ],
  [
    { showHiddenMetricsForVersion: '1.34' },
    `invalid showHiddenMetricsForVersion: showHiddenMetricsForVersion: Invalid value: "1.34": must be omitted or have the value '1.35'; only the previous minor version is allowed`,
    true,
  ],
  [
    { logging: { flushFrequency: '-1s' } },
    'logging.flushFrequency: Invalid value: "-1s": Must be greater than zero',
    true,
  ],
  [
    { logging: { format: 'xml' } },
    'logging.format: Invalid value: "xml": Unsupported log format',
    true,
  ],
  [
    { logging: { options: { json: { splitStream: true } } } },
    'logging.options.json.splitStream: Forbidden: Feature LoggingAlphaOptions is disabled',
    true,
  ],
  [
    { logging: { vmodule: [{ filePattern: 'a=b', verbosity: 1 }] } },
    'logging.vmodule[0]: Invalid value: "a=b": File pattern must not contain equal sign or comma',
    true,
  ],
  [
    { tracing: { samplingRatePerMillion: -1 } },
    'tracing.samplingRatePerMillion: Invalid value: -1: sampling rate must be positive',
    true,
  ],
  [
    { memoryThrottlingFactor: 1.1 },
    'memoryThrottlingFactor 1.1 must be greater than 0 and less than or equal to 1.0',
  ],
  [
    { memoryReservationPolicy: 'TieredReservation' },
    'memoryReservationPolicy "TieredReservation" requires MemoryQoS feature gate to be enabled',
  ],
  [
    { memoryReservationPolicy: 'Some' },
    'option "Some" specified for memoryReservationPolicy. Valid options are "None" or "TieredReservation"',
  ],
  [
    { enableSystemLogQuery: true, enableSystemLogHandler: false },
    'enableSystemLogHandler is required for enableSystemLogQuery',
  ],
  [{ containerLogMaxWorkers: 0 }, 'containerLogMaxWorkers must be greater than or equal to 1'],
  [
    { containerLogMonitorInterval: '2.999s' },
    'containerLogMonitorInterval must be a positive time duration greater than or equal to 3s',
  ],
  [{ containerLogMaxFiles: 1 }, 'containerLogMaxFiles must be greater than 1'],
  [{ podLogsDir: 'logs' }, 'pod logs path "logs" must be absolute path'],
  [{ podLogsDir: '/a/../b' }, 'pod logs path "/a/../b" must be normalized'],
  [{ podLogsDir: '/ä' }, 'pod logs path "/ä" mut contains ASCII characters only'],
];

function allowlist(pattern: string): Given {
  return {
    imagePullCredentialsVerificationPolicy: 'NeverVerifyAllowlistedImages',
    preloadedImagesVerificationAllowlist: [pattern],
  };
}

const FINE: readonly Given[] = [
  {},
  { imageMaximumGCAge: '3m0s', healthzPort: 0, readOnlyPort: 10255, nodeStatusMaxImages: -1 },
  { enforceNodeAllocatable: ['none'], cgroupsPerQOS: false },
  { enforceNodeAllocatable: ['pods', 'system-reserved'], systemReservedCgroup: '/s' },
  { shutdownGracePeriod: '30s', shutdownGracePeriodCriticalPods: '10s' },
  { registerWithTaints: [{ key: 'a.b/c', effect: 'NoSchedule' }], reservedSystemCPUs: '0-1,3' },
  allowlist('registry.example.com/*'),
  allowlist('registry.example.com:5000/a/b'),
  { logging: { flushFrequency: 1_000_000_000, format: 'json', verbosity: 4 } },
  { tracing: { endpoint: 'localhost:4317', samplingRatePerMillion: 1_000_000 } },
  { crashLoopBackOff: { maxContainerRestartPeriod: '1s' }, cpuCFSQuotaPeriod: '1ms' },
  { userNamespaces: { idsPerPod: 131_072 }, serverTLSBootstrap: true },
];

describe('validateKubeletConfiguration', () => {
  for (const [given, problem, isWhole] of REFUSED)
    it(`refuses ${JSON.stringify(given)}`, () => {
      assert.deepEqual(problems(given), [isWhole === true ? problem : INVALID + problem]);
    });

  for (const given of FINE)
    it(`lets pass ${JSON.stringify(given)}`, () => {
      assert.deepEqual(problems(given, 2), []);
    });

  it('says everything that is wrong, in order, and the same once', () => {
    const found = problems({ maxPods: -1, port: -1, hairpinMode: 'x' });
    assert.deepEqual(
      found.map((text) => text.split(' ')[2]),
      ['maxPods', 'port', 'option'],
    );
    assert.equal(aggregate(['a', 'b', 'a']), '[a, b]');
    assert.equal(aggregate(['a']), 'a');
  });

  it('refuses version 1 of cgroups unless it is told not to', () => {
    assert.deepEqual(problems({}, 1), [
      'kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is unsupported and will be removed in a future release',
    ]);
    assert.deepEqual(problems({ failCgroupV1: false }, 1), []);
    assert.deepEqual(problems({ failCgroupV1: false, singleProcessOOMKill: false }, 1), [
      'invalid configuration: singleProcessOOMKill must not be explicitly set to false when using cgroup v1',
    ]);
    assert.deepEqual(problems({ singleProcessOOMKill: false }, 2), []);
  });
});

describe('parseCpuList', () => {
  it('reads numbers and ranges', () => {
    assert.deepEqual([...parseCpuList('0-2,8,4-4')], [0, 1, 2, 8, 4]);
    assert.deepEqual([...parseCpuList('')], []);
  });
  it('refuses what is none', () => {
    assert.throws(() => parseCpuList('a'), /^Error: strconv.Atoi: parsing "a": invalid syntax$/);
    assert.throws(() => parseCpuList('0-'), /parsing "": invalid syntax/);
    assert.throws(() => parseCpuList('0-99999999'), /value out of range/);
  });
});
