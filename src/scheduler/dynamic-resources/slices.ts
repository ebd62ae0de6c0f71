/**
 * The ResourceSlices of the cluster, sorted by whom they may concern.
 *
 * Made anew when a slice changes, and shared by all pods until then.
 */
import type { ResourceSlice } from '#api/gen/resource-v1.ts';
import { type PoolId, poolIdOf } from './device.ts';

export class SliceIndex {
  /** Of one node by its name. */
  readonly #local = new Map<string, ResourceSlice[]>();
  /** For several nodes, and those with counters, which a pool needs wherever it is looked at. */
  readonly #shared: ResourceSlice[] = [];
  readonly #byPool = new Map<PoolId, ResourceSlice[]>();

  constructor(slices: readonly ResourceSlice[]) {
    for (const slice of slices) {
      const { nodeName = '', sharedCounters = [] } = slice.spec ?? {};
      if (nodeName === '' || sharedCounters.length > 0) this.#shared.push(slice);
      else add(this.#local, nodeName, slice);
      add(this.#byPool, poolIdOf(slice), slice);
    }
  }

  /** All that may have to do with a node. */
  for(nodeName: string): readonly ResourceSlice[] {
    return [...(this.#local.get(nodeName) ?? []), ...this.#shared];
  }

  ofPool(id: PoolId): readonly ResourceSlice[] {
    return this.#byPool.get(id) ?? [];
  }
}

function add<K>(lists: Map<K, ResourceSlice[]>, key: K, slice: ResourceSlice): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [slice]);
  else list.push(slice);
}
