/**
 * When a Pod must leave because of taints of the devices that it uses. Pure.
 *
 * Upstream: claimEvictionTime and podEvictionTime in
 * pkg/controller/devicetainteviction/device_taint_eviction.go, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type {
  DeviceRequestAllocationResult,
  DeviceTaint,
  DeviceToleration,
  ResourceClaim,
  ResourceSlice,
} from '#api/gen/resource-v1.ts';

/** What taints are looked up in. */
export interface DeviceWorld {
  /** The claims that the Pod uses. */
  claims(pod: Pod): readonly ResourceClaim[];
  /** The slices of a pool. */
  slices(driver: string, pool: string): readonly ResourceSlice[];
}

/** Milliseconds since 1970; undefined: it may stay. */
export function evictionTimeMs(pod: Pod, world: DeviceWorld): number | undefined {
  if ((pod.spec?.nodeName ?? '') === '') return undefined;
  const times = world
    .claims(pod)
    .filter((claim) => isReservedFor(claim, pod))
    .flatMap((claim) => claim.status?.allocation?.devices?.results ?? [])
    .flatMap((device) => deviceTimesMs(device, world));
  return times.length === 0 ? undefined : Math.min(...times);
}

function isReservedFor({ status }: ResourceClaim, { metadata }: Pod): boolean {
  return status?.reservedFor?.some(({ uid }) => uid === metadata?.uid) === true;
}

/** For each taint that is not tolerated for ever, when its time is over. */
function deviceTimesMs(device: DeviceRequestAllocationResult, world: DeviceWorld): number[] {
  return taintsOf(device, world).flatMap((taint) => {
    const sinceMs = Date.parse(taint.timeAdded ?? '');
    if (taint.effect !== 'NoExecute' || Number.isNaN(sinceMs)) return [];
    const matching = (device.tolerations ?? []).filter((each) => tolerates(each, taint));
    if (matching.some(({ tolerationSeconds }) => tolerationSeconds === undefined)) return [];
    const seconds = matching.map(({ tolerationSeconds = 0 }) => Math.max(0, tolerationSeconds));
    return [sinceMs + (seconds.length === 0 ? 0 : Math.min(...seconds) * 1000)];
  });
}

/** Of the newest generation of the pool: older slices say nothing any more. */
function taintsOf(result: DeviceRequestAllocationResult, world: DeviceWorld): DeviceTaint[] {
  const slices = world.slices(result.driver, result.pool);
  const newest = Math.max(...slices.map(({ spec }) => spec?.pool.generation ?? 0));
  const device = slices
    .filter(({ spec }) => spec?.pool.generation === newest)
    .flatMap(({ spec }) => spec?.devices ?? [])
    .find(({ name }) => name === result.device);
  return device?.taints ?? [];
}

function tolerates(toleration: DeviceToleration, taint: DeviceTaint): boolean {
  if (toleration.effect !== 'NoExecute') return false;
  const { key = '', operator = 'Equal', value = '' } = toleration;
  if (key !== '' && key !== taint.key) return false;
  return operator === 'Exists' || value === (taint.value ?? '');
}
