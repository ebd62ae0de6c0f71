/**
 * The answer to a ResourcePoolStatusRequest, from the slices of devices and the claims that got some.
 *
 * Upstream: pkg/controller/resourcepoolstatusrequest/controller.go, v1.36.
 */
import type { ResourceClaim, ResourceSlice } from '#api/gen/resource-v1.ts';
import type {
  PoolStatus,
  ResourcePoolStatusRequest,
  ResourcePoolStatusRequestStatus,
} from '#api/gen/resource-v1alpha3.ts';
import { timeText } from '#api/meta/time.ts';

const LIMIT_DEFAULT = 100;
const ANSWERED_MS_MAX = 60 * 60_000;
const PENDING_MS_MAX = 24 * 60 * 60_000;

interface World {
  readonly slices: readonly ResourceSlice[];
  readonly claims: readonly ResourceClaim[];
}

/**
 * The status with which the request is answered at `nowMs` (since 1970); undefined: slices of one of
 * its pools are missing.
 */
export function planStatus(
  { spec }: ResourcePoolStatusRequest,
  { slices, claims }: World,
  nowMs: number,
): ResourcePoolStatusRequestStatus | undefined {
  const driver = spec?.driver ?? '';
  const wanted = spec?.poolName ?? '';
  const pools = new Map<string, ResourceSlice[]>();
  for (const slice of slices) {
    const name = slice.spec?.pool.name ?? '';
    if (slice.spec?.driver !== driver || (wanted !== '' && name !== wanted)) continue;
    pools.set(name, [...(pools.get(name) ?? []), slice]);
  }
  const names = [...pools.keys()].sort();
  const shown = names
    .slice(0, spec?.limit ?? LIMIT_DEFAULT)
    .map((name) => poolStatus({ driver, name, slices: pools.get(name) ?? [], claims }));
  if (shown.includes(undefined)) return undefined;
  return {
    poolCount: names.length,
    pools: shown.filter((pool) => pool !== undefined),
    conditions: [
      {
        type: 'Complete',
        status: 'True',
        lastTransitionTime: timeText(nowMs),
        reason: 'CalculationComplete',
        message: `Calculated status for ${shown.length} pools`,
      },
    ],
  };
}

interface Pool {
  readonly driver: string;
  readonly name: string;
  /** At least one. */
  readonly slices: readonly ResourceSlice[];
  readonly claims: readonly ResourceClaim[];
}

/** Undefined: not whole. Slices of an older generation do not count: they are about to go. */
function poolStatus({ driver, name, slices, claims }: Pool): PoolStatus | undefined {
  const generation = Math.max(...slices.map(({ spec }) => spec?.pool.generation ?? 0));
  const current = slices.filter(({ spec }) => (spec?.pool.generation ?? 0) === generation);
  if (current.length < (current[0]?.spec?.pool.resourceSliceCount ?? 0)) return undefined;
  const nodes = new Set(current.map(({ spec }) => spec?.nodeName ?? ''));
  const [node = ''] = nodes;
  const total = current.reduce((sum, { spec }) => sum + (spec?.devices ?? []).length, 0);
  const allocated = claims
    .flatMap(({ status }) => status?.allocation?.devices?.results ?? [])
    .filter((result) => result.driver === driver && result.pool === name).length;
  return {
    driver,
    poolName: name,
    generation,
    ...(nodes.size === 1 && node !== '' ? { nodeName: node } : {}),
    resourceSliceCount: current.length,
    totalDevices: total,
    allocatedDevices: allocated,
    availableDevices: Math.max(0, total - allocated),
    unavailableDevices: 0,
  };
}

/** Whether the request is to go at `nowMs`. */
export function isOver({ metadata, status }: ResourcePoolStatusRequest, nowMs: number): boolean {
  const isOlder = (time: string | undefined, ageMs: number): boolean =>
    time !== undefined && nowMs - Date.parse(time) > ageMs;
  if (status === undefined) return isOlder(metadata?.creationTimestamp, PENDING_MS_MAX);
  const outcome = status.conditions?.find(({ type }) => type === 'Complete' || type === 'Failed');
  return isOlder(outcome?.lastTransitionTime ?? metadata?.creationTimestamp, ANSWERED_MS_MAX);
}
