/**
 * What devices of one pool share: a device that takes from counters can be given away only while
 * they have enough for it.
 *
 * Source: KEP-4815; upstream v1.36 staging/src/k8s.io/dynamic-resource-allocation/structured/internal/incubating/allocator_incubating.go
 * (checkAvailableCounters). Upstream counts pools of one name together, whatever their driver; here
 * pools are told apart by driver too.
 */
import { addQuantity, compareQuantity, subtractQuantity } from '#api/codec/quantity.ts';
import type { Device } from '#api/gen/resource-v1.ts';
import type { DeviceId, Pool, PoolId } from './device.ts';

/** Quantities by `set/counter`; none has a slash in its name. */
type Counts = Map<string, string>;

/** What is left of a pool's counters when its devices in use have taken theirs. */
export function availableCounters(pool: Pool, isInUse: (id: DeviceId) => boolean): Counts {
  const left: Counts = new Map();
  for (const [set, counters] of pool.counters)
    for (const [name, value] of counters) left.set(`${set}/${name}`, value);
  for (const { id, device } of pool.devices) {
    if ((device.consumesCounters ?? []).length === 0 || !isInUse(id)) continue;
    for (const [key, value] of takenBy(device))
      left.set(key, subtractQuantity(left.get(key) ?? '0', value));
  }
  return left;
}

/** What the devices that are being given away take, on top of those in use. */
export class CounterUse {
  readonly #available: (pool: Pool) => ReadonlyMap<string, string>;
  readonly #taken = new Map<PoolId, Counts>();

  constructor(available: (pool: Pool) => ReadonlyMap<string, string>) {
    this.#available = available;
  }

  hasEnough(device: Device, pool: Pool): boolean {
    const wanted = takenBy(device);
    if (wanted.length === 0) return true;
    const taken = new Map(this.#taken.get(pool.id));
    for (const [key, value] of wanted) taken.set(key, addQuantity(taken.get(key) ?? '0', value));
    // One counter of which more is taken than there is keeps all that take from counters off.
    return [...this.#available(pool)].every(
      ([key, left]) => compareQuantity(taken.get(key) ?? '0', left) <= 0,
    );
  }

  take(device: Device, pool: Pool): void {
    this.#change(device, pool, addQuantity);
  }

  giveBack(device: Device, pool: Pool): void {
    this.#change(device, pool, subtractQuantity);
  }

  #change(device: Device, { id }: Pool, by: (a: string, b: string) => string): void {
    const taken = this.#taken.get(id) ?? new Map();
    for (const [key, value] of takenBy(device)) taken.set(key, by(taken.get(key) ?? '0', value));
    this.#taken.set(id, taken);
  }
}

function takenBy({ consumesCounters = [] }: Device): readonly (readonly [string, string])[] {
  return consumesCounters.flatMap(({ counterSet, counters = {} }) =>
    Object.entries(counters).map(([name, { value }]) => [`${counterSet}/${name}`, value] as const),
  );
}
