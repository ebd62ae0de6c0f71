/** Devices as the allocator knows them: where they come from, and by which name they are counted. */
import type { Device, DeviceRequestAllocationResult, ResourceSlice } from '#api/gen/resource-v1.ts';

/** `driver/pool/device`: unique in the cluster. */
export type DeviceId = string;

export function deviceId({
  driver,
  pool,
  device,
}: Pick<DeviceRequestAllocationResult, 'driver' | 'pool' | 'device'>): DeviceId {
  return `${driver}/${pool}/${device}`;
}

/** `driver/pool`. */
export type PoolId = string;

export function poolIdOf({ spec }: ResourceSlice): PoolId {
  return `${spec?.driver ?? ''}/${spec?.pool.name ?? ''}`;
}

/** A device that may be given to somebody. */
export interface Candidate {
  readonly id: DeviceId;
  readonly driver: string;
  readonly pool: string;
  readonly device: Device;
  readonly slice: ResourceSlice;
  readonly from: Pool;
}

/** All devices of one driver and pool that a node can reach. */
export interface Pool {
  readonly id: PoolId;
  readonly driver: string;
  readonly name: string;
  /** Not all of its slices are there: a driver is changing it. */
  readonly isIncomplete: boolean;
  /** Its slices contradict each other. */
  readonly isInvalid: boolean;
  /** Some of its devices must be made ready before they are used. */
  readonly isSlow: boolean;
  /** For the node, in order; empty where the pool is incomplete or invalid. */
  readonly candidates: readonly Candidate[];
  /** With those for other nodes: they may take from the same counters. */
  readonly devices: readonly { readonly id: DeviceId; readonly device: Device }[];
  /** What devices of the pool share: by set, by counter, quantities. */
  readonly counters: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export function isShareable({ allowMultipleAllocations }: Device): boolean {
  return allowMultipleAllocations === true;
}
