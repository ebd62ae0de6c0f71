/**
 * `/configz`: with what the kubelet runs, in the words of its configuration file.
 *
 * Source: kubelet.config.k8s.io/v1beta1, KubeletConfiguration; upstream
 * staging/src/k8s.io/component-base/configz, v1.36. Of what is fixed here, the values that hold;
 * what has no counterpart here is left out.
 */
import { CPU_PERIOD_US } from '../cgroups/cfs.ts';
import { CALL_TIMEOUT_MS } from '../cri/cri.ts';
import { TRANSITION_MS } from '../eviction/eviction-manager.ts';
import { DEFAULT_HARD, type EvictionConfig } from '../eviction/thresholds.ts';
import { formatGoDuration } from '../go-format.ts';
import { HIGH_THRESHOLD, LOW_THRESHOLD, MIN_AGE_MS } from '../images/image-gc.ts';
import { DURATION_SECONDS } from '../node/lease.ts';
import { CHECK_MS, IMAGES_MAX, REPORT_MS } from '../node/node-agent.ts';
import { PODS_MAX } from '../node/node-object.ts';
import { CHECK_MS as FILE_CHECK_MS } from '../static/file-source.ts';
import { KEEP_MS } from '../stats/disk-usage.ts';
import { LOG_BYTES_MAX, LOG_FILES_MAX } from './log-rotation.ts';
import { KEPT_MS } from './token-reviews.ts';

const MIB = 1024 * 1024;

export interface ConfigzFacts {
  readonly port: number;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** Undefined: no cgroups are made. */
  readonly cgroupRoot: string | undefined;
  readonly resolverConfigPath: string;
  readonly logRoot: string;
  readonly staticPodPath?: string;
  readonly eviction?: EvictionConfig;
}

export function configz(facts: ConfigzFacts) {
  const { cgroupRoot, staticPodPath, eviction = {} } = facts;
  return {
    kubeletconfig: {
      kind: 'KubeletConfiguration',
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      podLogsDir: facts.logRoot,
      port: facts.port,
      authentication: {
        webhook: { enabled: true, cacheTTL: formatGoDuration(KEPT_MS) },
        anonymous: { enabled: false },
      },
      authorization: { mode: 'Webhook' },
      clusterDomain: facts.clusterDomain,
      clusterDNS: facts.clusterDns,
      nodeStatusUpdateFrequency: formatGoDuration(CHECK_MS),
      nodeStatusReportFrequency: formatGoDuration(REPORT_MS),
      nodeLeaseDurationSeconds: DURATION_SECONDS,
      imageMinimumGCAge: formatGoDuration(MIN_AGE_MS),
      imageGCHighThresholdPercent: HIGH_THRESHOLD,
      imageGCLowThresholdPercent: LOW_THRESHOLD,
      volumeStatsAggPeriod: formatGoDuration(KEEP_MS),
      ...(cgroupRoot === undefined ? {} : { cgroupRoot }),
      cgroupsPerQOS: cgroupRoot !== undefined,
      cgroupDriver: 'cgroupfs',
      ...(staticPodPath === undefined ? {} : { staticPodPath }),
      fileCheckFrequency: formatGoDuration(FILE_CHECK_MS),
      evictionHard: eviction.evictionHard ?? DEFAULT_HARD,
      evictionSoft: eviction.evictionSoft,
      evictionSoftGracePeriod: eviction.evictionSoftGracePeriod,
      evictionMinimumReclaim: eviction.evictionMinimumReclaim,
      evictionPressureTransitionPeriod: formatGoDuration(
        eviction.evictionPressureTransitionPeriodMs ?? TRANSITION_MS,
      ),
      evictionMaxPodGracePeriod: eviction.evictionMaxPodGracePeriod,
      runtimeRequestTimeout: formatGoDuration(CALL_TIMEOUT_MS),
      maxPods: PODS_MAX,
      resolvConf: facts.resolverConfigPath,
      cpuCFSQuota: true,
      cpuCFSQuotaPeriod: formatGoDuration(CPU_PERIOD_US / 1000),
      nodeStatusMaxImages: IMAGES_MAX,
      enableControllerAttachDetach: true,
      containerLogMaxSize: `${LOG_BYTES_MAX / MIB}Mi`,
      containerLogMaxFiles: LOG_FILES_MAX,
      configMapAndSecretChangeDetectionStrategy: 'Watch',
      registerNode: true,
    },
  };
}
