/**
 * Devices that must be made ready before the pod that has them is bound: their driver says so by
 * conditions in the status of the claim.
 *
 * Source: KEP-5007; upstream v1.36
 * pkg/scheduler/framework/plugins/dynamicresources/dynamicresources.go (isClaimReadyForBinding,
 * isClaimTimeout).
 */
import type { AllocatedDeviceStatus, ResourceClaim } from '#api/gen/resource-v1.ts';

export type Readiness = 'ready' | 'waiting' | { readonly failed: string };

export function needsWait({ status }: ResourceClaim): boolean {
  return (status?.allocation?.devices?.results ?? []).some(
    ({ bindingConditions = [] }) => bindingConditions.length > 0,
  );
}

export function readinessOf({ metadata, status }: ResourceClaim): Readiness {
  for (const result of status?.allocation?.devices?.results ?? []) {
    const { bindingConditions = [], bindingFailureConditions = [] } = result;
    if (bindingConditions.length === 0) continue;
    const device = status?.devices?.find(
      (each) =>
        each.driver === result.driver && each.pool === result.pool && each.device === result.device,
    );
    const failed = bindingFailureConditions.map((type) => conditionOf(device, type)).find(isTrue);
    if (failed !== undefined)
      return {
        failed: `device binding failed: claim=${metadata?.name}, reason=${failed.reason}, message=${JSON.stringify(failed.message)}`,
      };
    if (!bindingConditions.every((type) => isTrue(conditionOf(device, type)))) return 'waiting';
  }
  return 'ready';
}

/** Whether it has waited for longer than it may since it was given its devices. */
export function isTimedOut(claim: ResourceClaim, timeoutMs: number, nowMs: number): boolean {
  const since = claim.status?.allocation?.allocationTimestamp;
  return since !== undefined && needsWait(claim) && Date.parse(since) + timeoutMs < nowMs;
}

type Condition = AllocatedDeviceStatus['conditions'][number];

function conditionOf(
  device: AllocatedDeviceStatus | undefined,
  wanted: string,
): Condition | undefined {
  return device?.conditions.find(({ type }) => type === wanted);
}

function isTrue(condition: Condition | undefined): condition is Condition {
  return condition?.status === 'True';
}
