/** Nothing in a configuration is without effect in silence. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withDefaults } from './defaults.ts';
import { FIELDS } from './schema.ts';
import { UNUSED_FIELDS, unusedSettings } from './unused.ts';

const told = (given: Readonly<Record<string, unknown>>): string[] =>
  unusedSettings(withDefaults(given)).map((line) => line.split(' ')[0] ?? '');

/** Fields that the kubelet goes by: their effects have tests of their own. */
const USED = `
address allowedUnsafeSysctls authentication authorization cgroupRoot cgroupsPerQOS clusterDNS
clusterDomain containerLogMaxFiles containerLogMaxSize containerLogMaxWorkers
containerLogMonitorInterval containerRuntimeEndpoint cpuCFSQuota cpuCFSQuotaPeriod crashLoopBackOff
enableControllerAttachDetach enableDebuggingHandlers enableServer enforceNodeAllocatable eventBurst
eventRecordQPS evictionHard evictionMaxPodGracePeriod evictionMinimumReclaim
evictionPressureTransitionPeriod evictionSoft evictionSoftGracePeriod failCgroupV1 failSwapOn
featureGates fileCheckFrequency healthzBindAddress healthzPort imageGCHighThresholdPercent
imageGCLowThresholdPercent imageMaximumGCAge imageMinimumGCAge
imagePullCredentialsVerificationPolicy imageServiceEndpoint kubeAPIBurst
kubeAPIQPS kubeReserved kubeReservedCgroup localStorageCapacityIsolation logging
maxParallelImagePulls maxPods mergeDefaultEvictionSettings nodeLeaseDurationSeconds
nodeStatusMaxImages nodeStatusReportFrequency nodeStatusUpdateFrequency oomScoreAdj podLogsDir
podPidsLimit podsPerCore port preloadedImagesVerificationAllowlist protectKernelDefaults providerID readOnlyPort registerNode
registerWithTaints registryBurst registryPullQPS reservedSystemCPUs resolvConf rotateCertificates runOnce
runtimeRequestTimeout seccompDefault shutdownGracePeriod shutdownGracePeriodByPodPriority
shutdownGracePeriodCriticalPods serializeImagePulls serverTLSBootstrap singleProcessOOMKill staticPodPath
syncFrequency systemReserved systemReservedCgroup tlsCertFile tlsCipherSuites tlsMinVersion
tlsPrivateKeyFile userNamespaces volumeStatsAggPeriod
`
  .trim()
  .split(/\s+/);

describe('unusedSettings', () => {
  it('each field is used, or told of', () => {
    assert.deepEqual([...USED, ...UNUSED_FIELDS].toSorted(), [...FIELDS].toSorted());
  });

  it('says nothing of the defaults, nor of what asks for nothing', () => {
    assert.deepEqual(told({}), []);
    assert.deepEqual(
      told({
        staticPodURL: '',
        tracing: {},
        enableProfilingHandler: false,
        enableSystemLogQuery: false,
        hairpinMode: 'hairpin-veth',
        contentType: 'application/json',
      }),
      [],
    );
  });

  const cases: readonly (readonly [string, unknown])[] = [
    ['staticPodURL', 'http://a'],
    ['cgroupDriver', 'systemd'],
    ['enableSystemLogQuery', true],
    ['cpuManagerPolicy', 'static'],
    ['iptablesDropBit', 0],
    ['memorySwap', { swapBehavior: 'LimitedSwap' }],
    ['tracing', { endpoint: 'a:1' }],
  ];
  for (const [field, value] of cases)
    it(`tells of ${field}`, () => {
      assert.deepEqual(told({ [field]: value }), [field]);
    });

  it('tells of parts of logging', () => {
    const vmodule = [{ filePattern: 'a', verbosity: 1 }];
    assert.deepEqual(told({ logging: { vmodule, flushFrequency: '1s' } }), [
      'logging.vmodule',
      'logging.flushFrequency',
    ]);
    assert.deepEqual(told({ logging: { flushFrequency: 5_000_000_000 } }), []);
  });
});
