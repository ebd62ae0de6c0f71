/**
 * The resources that a container's status shows: what was allocated, and where the runtime says
 * otherwise, what the container really has. Pure.
 *
 * Shares and quotas are coarser than quantities, so the way back rounds to what was asked, and
 * below the least that the kernel can do the allocated text stays. Source: KEP-1287. Upstream:
 * pkg/kubelet/kubelet_pods.go (convertContainerStatusResources), pkg/kubelet/cm/helpers_linux.go
 * (SharesToMilliCPU, QuotaToMilliCPU), v1.36.
 */
import { canonicalQuantity, quantityMilli } from '#api/codec/quantity.ts';
import type { ResourceRequirements } from '#api/gen/core-v1.ts';
import { cpuQuotaMilli, cpuSharesMilli, SHARES_MIN } from '../cgroups/cfs.ts';
import type { RuntimeResources } from '../pod/observed.ts';
import type { Amounts } from './pod-resources.ts';

/** A quota of less than this is raised to it. */
const CPU_LIMIT_MIN_MILLI = 10;

export function milliQuantity(milli: number): string {
  return canonicalQuantity(`${milli}m`);
}

export function binaryQuantity(bytes: number): string {
  return canonicalQuantity(bytes % 1024 === 0 ? `${bytes / 1024}Ki` : bytes);
}

/** 0 for what the runtime does not say, and for no limit. */
export function runtimeAmounts(given: RuntimeResources): Omit<Amounts, 'memoryRequest'> {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes } = given;
  return {
    cpuRequest: cpuSharesMilli(cpuShares),
    cpuLimit: cpuQuotaMilli(cpuQuota, cpuPeriod),
    memoryLimit: Math.max(0, memoryLimitBytes),
  };
}

/** `given`: of a container that runs; undefined: it does not, or the runtime says nothing. */
export function actualResources(
  allocated: ResourceRequirements = {},
  given: RuntimeResources | undefined,
): ResourceRequirements {
  if (given === undefined) return allocated;
  const { cpuRequest, cpuLimit, memoryLimit } = runtimeAmounts(given);
  const { requests, limits, ...rest } = allocated;
  const isCpuShown = (actual: number, asked: string | undefined, least: number): boolean =>
    actual > least || quantityMilli(asked ?? '0') > least;
  const showsLimit = cpuLimit > 0 && isCpuShown(cpuLimit, limits?.['cpu'], CPU_LIMIT_MIN_MILLI);
  const showsRequest = cpuRequest > 0 && isCpuShown(cpuRequest, requests?.['cpu'], SHARES_MIN);
  return {
    ...rest,
    ...(limits === undefined
      ? {}
      : {
          limits: {
            ...limits,
            ...(showsLimit ? { cpu: milliQuantity(cpuLimit) } : {}),
            ...(memoryLimit > 0 ? { memory: binaryQuantity(memoryLimit) } : {}),
          },
        }),
    ...(requests === undefined
      ? {}
      : { requests: { ...requests, ...(showsRequest ? { cpu: milliQuantity(cpuRequest) } : {}) } }),
  };
}
