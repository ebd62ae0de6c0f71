/**
 * Which pods end together when the machine shuts down, and how long they have. Pure.
 *
 * Source: KEP-2000, KEP-2712. Upstream: pkg/kubelet/nodeshutdown/nodeshutdown_manager.go
 * (migrateConfig, groupByPriority), v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { milliseconds } from '../config/durations.ts';
import type { KubeletConfiguration, ShutdownGracePeriodByPodPriority } from '../config/types.ts';
import { SYSTEM_CRITICAL_PRIORITY } from '../admission/critical-pod.ts';

const MS_PER_SECOND = 1000;

type ShutdownSettings = Pick<
  KubeletConfiguration,
  'shutdownGracePeriod' | 'shutdownGracePeriodCriticalPods' | 'shutdownGracePeriodByPodPriority'
>;

/** The lowest priority first; empty: the machine shuts down without waiting for pods. */
export function shutdownPeriods(
  config: ShutdownSettings,
): readonly ShutdownGracePeriodByPodPriority[] {
  const { shutdownGracePeriodByPodPriority: given = [] } = config;
  if (given.length > 0) return given.toSorted((a, b) => a.priority - b.priority);
  const allMs = milliseconds(config.shutdownGracePeriod);
  const criticalMs = milliseconds(config.shutdownGracePeriodCriticalPods);
  if (allMs === 0) return [];
  return [
    { priority: 0, shutdownGracePeriodSeconds: wholeSeconds(allMs - criticalMs) },
    { priority: SYSTEM_CRITICAL_PRIORITY, shutdownGracePeriodSeconds: wholeSeconds(criticalMs) },
  ];
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / MS_PER_SECOND);
}

export interface ShutdownGroup {
  readonly gracePeriodSeconds: number;
  readonly pods: readonly Pod[];
}

/**
 * In the order in which they end, without groups that have no pods. A pod belongs to the highest
 * priority that is not above its own, one below all of them to the lowest.
 */
export function shutdownGroups(
  periods: readonly ShutdownGracePeriodByPodPriority[],
  pods: readonly Pod[],
): ShutdownGroup[] {
  const indexOf = (pod: Pod): number => {
    const priority = pod.spec?.priority ?? 0;
    return Math.max(
      0,
      periods.findLastIndex((period) => period.priority <= priority),
    );
  };
  return periods
    .map(({ shutdownGracePeriodSeconds: gracePeriodSeconds }, index) => ({
      gracePeriodSeconds,
      pods: pods.filter((pod) => indexOf(pod) === index),
    }))
    .filter((group) => group.pods.length > 0);
}
