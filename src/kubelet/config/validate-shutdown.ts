/**
 * How long pods have when the machine shuts down.
 *
 * Source: KEP-2000, KEP-2712; upstream v1.36 pkg/kubelet/apis/config/validation/validation.go. Both
 * gates are on and have only that value here.
 */
import { parseDuration } from '#api/codec/duration.ts';
import type { KubeletConfiguration } from './types.ts';

export function validateShutdown(config: KubeletConfiguration): string[] {
  const { shutdownGracePeriod: all, shutdownGracePeriodCriticalPods: critical } = config;
  const [allNanos, criticalNanos] = [parseDuration(all), parseDuration(critical)];
  const isOdd = (nanos: number): boolean => nanos < 0 || (nanos > 0 && nanos < 1e9);
  const problems: string[] = [];
  if (criticalNanos > allNanos)
    problems.push(
      `shutdownGracePeriodCriticalPods ${critical} must be <= shutdownGracePeriod ${all}`,
    );
  if (isOdd(allNanos))
    problems.push(`shutdownGracePeriod ${all} must be either zero or otherwise >= 1 sec`);
  if (isOdd(criticalNanos))
    problems.push(
      `shutdownGracePeriodCriticalPods ${critical} must be either zero or otherwise >= 1 sec`,
    );
  const hasPriorities = (config.shutdownGracePeriodByPodPriority ?? []).length > 0;
  if (hasPriorities && (allNanos > 0 || criticalNanos > 0))
    problems.push(
      'Cannot specify both shutdownGracePeriodByPodPriority and shutdownGracePeriod at the same time',
    );
  return problems;
}
