/**
 * The pools of devices that a node can reach.
 *
 * Of each pool only the newest generation counts. One whose slices are not all there is incomplete;
 * slices that do not go together make it invalid: nothing is taken from either. Pools come in the
 * order of their names, and slices within them too, so that drivers can say by names what is taken
 * first; pools with devices that must be made ready come last. Source: upstream v1.36
 * staging/src/k8s.io/dynamic-resource-allocation/structured/internal/incubating/pools_incubating.go.
 */
import { type SelectableNode, termsPredicate } from '#api/core/node-selector.ts';
import type { NodeSelector } from '#api/gen/core-v1.ts';
import type { Device, ResourceSlice } from '#api/gen/resource-v1.ts';
import { type Candidate, deviceId, type Pool, type PoolId, poolIdOf } from './device.ts';
import { SliceIndex } from './slices.ts';

/** Which nodes reach a device: by name, all, or those that a selector matches. */
interface Reach {
  readonly nodeName?: string;
  readonly allNodes?: boolean;
  readonly nodeSelector?: NodeSelector;
}

function reaches({ nodeName, allNodes, nodeSelector }: Reach, node: SelectableNode): boolean {
  if (nodeName !== undefined && nodeName !== '') return nodeName === node.name;
  if (allNodes === true) return true;
  return nodeSelector !== undefined && termsPredicate(nodeSelector.nodeSelectorTerms)(node);
}

/** Whether anything of the slice may matter to the node. */
function concerns({ spec }: ResourceSlice, node: SelectableNode): boolean {
  if (spec === undefined) return false;
  if ((spec.sharedCounters ?? []).length > 0) return true;
  if (spec.perDeviceNodeSelection === true)
    return (spec.devices ?? []).some((device) => reaches(device, node));
  return reaches(spec, node);
}

/** The pools of all nodes, each made when it is first asked for; anew when a slice changes. */
export class Catalog {
  readonly #index: SliceIndex;
  /** As many as there are nodes; a node whose labels changed has others. */
  readonly #byNode = new Map<
    string,
    { readonly labels: SelectableNode['labels']; readonly pools: readonly Pool[] }
  >();

  constructor(slices: readonly ResourceSlice[]) {
    this.#index = new SliceIndex(slices);
  }

  poolsFor(node: SelectableNode): readonly Pool[] {
    const known = this.#byNode.get(node.name);
    if (known !== undefined && known.labels === node.labels) return known.pools;
    const pools = poolsOf(node, this.#index);
    this.#byNode.set(node.name, { labels: node.labels, pools });
    return pools;
  }
}

function poolsOf(node: SelectableNode, index: SliceIndex): readonly Pool[] {
  const newest = new Map<PoolId, ResourceSlice[]>();
  for (const slice of index.for(node.name)) if (concerns(slice, node)) addToNewest(newest, slice);
  const pools: Pool[] = [];
  for (const [id, slices] of newest) {
    const pool = poolOf(id, slices, { all: index.ofPool(id), node });
    if (pool !== undefined) pools.push(pool);
  }
  return pools.toSorted(
    (a, b) =>
      Number(a.isSlow) - Number(b.isSlow) || compare(a.driver, b.driver) || compare(a.name, b.name),
  );
}

function addToNewest(newest: Map<PoolId, ResourceSlice[]>, slice: ResourceSlice): void {
  const id = poolIdOf(slice);
  const known = newest.get(id);
  const ahead = known?.[0] === undefined ? 1 : generationOf(slice) - generationOf(known[0]);
  if (ahead > 0) newest.set(id, [slice]);
  else if (ahead === 0) known?.push(slice);
}

function generationOf({ spec }: ResourceSlice): number {
  return spec?.pool.generation ?? 0;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const nameOf = ({ metadata }: ResourceSlice): string => metadata?.name ?? '';

/** Undefined: the pool has moved on to a generation that has nothing for this node. */
function poolOf(
  id: PoolId,
  slices: readonly ResourceSlice[],
  { all, node }: { readonly all: readonly ResourceSlice[]; readonly node: SelectableNode },
): Pool | undefined {
  const [first] = slices;
  if (first?.spec === undefined) return undefined;
  const { driver, pool } = first.spec;
  const empty = {
    isIncomplete: false,
    isInvalid: false,
    isSlow: false,
    candidates: [],
    devices: [],
  };
  const bare = { ...empty, id, driver, name: pool.name, counters: new Map() };
  let whole = slices;
  if (slices.length !== pool.resourceSliceCount) {
    if (all.some((slice) => generationOf(slice) > pool.generation)) return undefined;
    whole = all.filter((slice) => generationOf(slice) === pool.generation);
    if (whole.length !== pool.resourceSliceCount) return { ...bare, isIncomplete: true };
  }
  const counters = countersOf(slices);
  const near = devicesOf(slices);
  const devices = devicesOf(whole);
  const isInvalid =
    counters === undefined ||
    new Set(near.map(({ name }) => name)).size < near.length ||
    !devices.every((device) => isCovered(device, counters));
  if (isInvalid) return { ...bare, isInvalid };
  const made: Pool = {
    ...bare,
    counters,
    isSlow: near.some(({ bindingConditions }) => bindingConditions !== undefined),
    devices: devices.map((device) => ({ id: `${id}/${device.name}`, device })),
  };
  return Object.assign(made, { candidates: candidatesIn(slices, made, node) });
}

function devicesOf(slices: readonly ResourceSlice[]): readonly Device[] {
  return slices.flatMap(({ spec }) => spec?.devices ?? []);
}

/** Undefined where two sets have one name. */
function countersOf(slices: readonly ResourceSlice[]): Pool['counters'] | undefined {
  const sets = new Map<string, ReadonlyMap<string, string>>();
  for (const { spec } of slices)
    for (const { name, counters = {} } of spec?.sharedCounters ?? []) {
      if (sets.has(name)) return undefined;
      sets.set(name, new Map(Object.entries(counters).map(([key, { value }]) => [key, value])));
    }
  return sets;
}

function isCovered({ consumesCounters = [] }: Device, sets: Pool['counters']): boolean {
  return consumesCounters.every(({ counterSet, counters = {} }) => {
    const set = sets.get(counterSet);
    return set !== undefined && Object.keys(counters).every((name) => set.has(name));
  });
}

/** A slice that says for each device whom it is for may have some for others. */
function candidatesIn(
  slices: readonly ResourceSlice[],
  from: Pool,
  node: SelectableNode,
): Candidate[] {
  const { driver, name: pool } = from;
  return slices
    .filter(({ spec }) => (spec?.sharedCounters ?? []).length === 0)
    .toSorted((a, b) => compare(nameOf(a), nameOf(b)))
    .flatMap((slice) => {
      const { devices = [], perDeviceNodeSelection } = slice.spec ?? {};
      return devices.flatMap((device) => {
        const id = deviceId({ driver, pool, device: device.name });
        return perDeviceNodeSelection !== true || reaches(device, node)
          ? [{ id, driver, pool, device, slice, from }]
          : [];
      });
    });
}
