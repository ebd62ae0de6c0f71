/**
 * CPU amounts as the kernel's scheduler takes them.
 *
 * Source: kernel documentation "CFS Bandwidth Control"; cgroup v2 weights as in KEP-2254 and
 * runc's conversion. Upstream: pkg/kubelet/cm/helpers_linux.go, v1.36.
 */
const CPU_PERIOD_US = 100_000;
const SHARES_PER_CPU = 1024;
export const SHARES_MIN = 2;
const SHARES_MAX = 262_144;
const QUOTA_MIN_US = 1000;

export function cpuShares(milliCpu: number): number {
  const shares = Math.trunc((milliCpu * SHARES_PER_CPU) / 1000);
  return Math.min(SHARES_MAX, Math.max(SHARES_MIN, shares));
}

/** How limits of processors are held (`cpuCFSQuota`, `cpuCFSQuotaPeriod`). */
export interface CpuQuotas {
  /** False: limits are not held. */
  readonly isEnforced: boolean;
  readonly periodUs: number;
}

export const CPU_QUOTAS: CpuQuotas = { isEnforced: true, periodUs: CPU_PERIOD_US };

/** Microseconds of CPU in each period; 0 means no limit. */
export function cpuQuotaUs(
  milliCpu: number,
  { isEnforced, periodUs }: CpuQuotas = CPU_QUOTAS,
): number {
  if (milliCpu === 0 || !isEnforced) return 0;
  return Math.max(QUOTA_MIN_US, Math.trunc((milliCpu * periodUs) / 1000));
}

/** The way back from shares: 0 for what is below the least. */
export function cpuSharesMilli(shares: number): number {
  return shares < SHARES_MIN ? 0 : Math.ceil((shares * 1000) / SHARES_PER_CPU);
}

/** The way back from a quota: 0 for no limit. */
export function cpuQuotaMilli(quotaUs: number, periodUs: number): number {
  return quotaUs <= 0 || periodUs <= 0 ? 0 : Math.trunc((quotaUs * 1000) / periodUs);
}

/** cgroup v2's cpu.weight (1 to 10000) for v1's shares (2 to 262144). */
export function cpuWeight(shares: number): number {
  const bounded = Math.min(SHARES_MAX, Math.max(SHARES_MIN, shares));
  return 1 + Math.trunc(((bounded - 2) * 9999) / 262_142);
}

/** The way back: the shares that have this weight. */
export function weightShares(weight: number): number {
  return SHARES_MIN + Math.ceil(((weight - 1) * 262_142) / 9999);
}
