/**
 * Where a pod's cgroup lies and what it is limited to. Pure; `cgroup-manager.ts` writes it.
 *
 * Upstream: pkg/kubelet/cm/{helpers_linux,qos_container_manager_linux}.go, v1.36 (cgroupfs driver).
 */
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';
import { podQosClass } from '#api/core/qos.ts';
import { isLimitedThroughout, podLimits, podRequests } from '#api/core/resources.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { CPU_QUOTAS, cpuQuotaUs, cpuShares } from './cfs.ts';

export interface CgroupLimits {
  readonly cpuShares: number;
  /** Microseconds in each period; absent: no limit. */
  readonly cpuQuotaUs?: number;
  /** Bytes; absent: no limit. */
  readonly memoryBytes?: number;
  /** Processes and threads; absent: no limit. */
  readonly pids?: number;
}

/** Path below the mount of the cgroup file system: `<root>/kubepods/burstable/pod<uid>`. */
export function podCgroupPath(root: string, pod: Pod): string {
  return `${qosCgroupPath(root, pod)}/pod${pod.metadata?.uid ?? ''}`;
}

function qosCgroupPath(root: string, pod: Pod): string {
  const qos = podQosClass(pod);
  if (qos === 'Guaranteed') return `${root}/kubepods`;
  return `${root}/kubepods/${qos === 'BestEffort' ? 'besteffort' : 'burstable'}`;
}

export function podCgroupLimits(pod: Pod, quotas = CPU_QUOTAS): CgroupLimits {
  const qos = podQosClass(pod);
  if (qos === 'BestEffort') return { cpuShares: cpuShares(0) };
  const requests = podRequests(pod);
  const limits = podLimits(pod);
  const cpu = cpuQuotaUs(quantityMilli(limits['cpu'] ?? '0'), quotas);
  const memory = quantityValue(limits['memory'] ?? '0');
  return {
    cpuShares: cpuShares(quantityMilli(requests['cpu'] ?? '0')),
    ...(cpu > 0 && isLimitedThroughout(pod, 'cpu') ? { cpuQuotaUs: cpu } : {}),
    ...(memory > 0 && isLimitedThroughout(pod, 'memory') ? { memoryBytes: memory } : {}),
  };
}

/** Burstable pods together weigh what they ask for together. */
export function burstableShares(pods: readonly Pod[]): number {
  const burstable = pods.filter((pod) => podQosClass(pod) === 'Burstable');
  const milli = burstable.reduce(
    (sum, pod) => sum + quantityMilli(podRequests(pod)['cpu'] ?? '0'),
    0,
  );
  return cpuShares(milli);
}
