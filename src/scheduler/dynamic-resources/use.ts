/**
 * Which devices are in use, counted by deltas: an allocation comes, an allocation goes.
 *
 * A device with admin access is not in use by it. Source: upstream v1.36
 * pkg/scheduler/framework/plugins/dynamicresources/allocateddevices.go.
 */
import { addQuantity, compareQuantity, subtractQuantity } from '#api/codec/quantity.ts';
import type { AllocationResult } from '#api/gen/resource-v1.ts';
import { type Amounts, NOTHING } from './capacity.ts';
import { type DeviceId, deviceId } from './device.ts';
import type { DevicesInUse } from './search.ts';

/** How many shares a device has been cut into, and what they take together. */
interface Shares {
  count: number;
  taken: Record<string, string>;
}

export class DeviceUse implements DevicesInUse {
  /** Of devices that nobody else may have: by how many they are counted, which should be one. */
  readonly #taken = new Map<DeviceId, number>();
  readonly #shared = new Map<DeviceId, Shares>();

  isTaken(id: DeviceId): boolean {
    return this.#taken.has(id);
  }

  isInUse(id: DeviceId): boolean {
    return this.#taken.has(id) || this.#shared.has(id);
  }

  takenOf(id: DeviceId): Amounts {
    return this.#shared.get(id)?.taken ?? NOTHING;
  }

  count({ devices }: AllocationResult, delta: 1 | -1): void {
    for (const result of devices?.results ?? []) {
      if (result.adminAccess === true) continue;
      const id = deviceId(result);
      if (result.shareID === undefined) this.#take(id, delta);
      else this.#share(id, result.consumedCapacity ?? {}, delta);
    }
  }

  #take(id: DeviceId, delta: 1 | -1): void {
    const count = (this.#taken.get(id) ?? 0) + delta;
    if (count > 0) this.#taken.set(id, count);
    else this.#taken.delete(id);
  }

  #share(id: DeviceId, amounts: Amounts, delta: 1 | -1): void {
    const shares = this.#shared.get(id) ?? { count: 0, taken: {} };
    shares.count += delta;
    const taken = { ...shares.taken };
    for (const [name, amount] of Object.entries(amounts)) {
      const known = taken[name] ?? '0';
      taken[name] = delta > 0 ? addQuantity(known, amount) : subtractQuantity(known, amount);
      if (compareQuantity(taken[name], '0') === 0) delete taken[name];
    }
    shares.taken = taken;
    if (shares.count > 0) this.#shared.set(id, shares);
    else this.#shared.delete(id);
  }
}
