/**
 * Gives the claims of one pod their devices on a node: pure, from slices, classes and what others
 * have.
 *
 *   slices ─▶ pools of the node ─▶ candidates ─▶ search ─▶ an allocation for each claim
 *
 * Source: KEP-4381, KEP-4816 (alternatives), KEP-4815 (counters), KEP-5055 (taints), KEP-5075
 * (capacity); upstream v1.36 staging/src/k8s.io/dynamic-resource-allocation/structured.
 */
import type { SelectableNode } from '#api/core/node-selector.ts';
import type {
  AllocationResult,
  DeviceClass,
  DeviceSelector,
  ResourceClaim,
} from '#api/gen/resource-v1.ts';
import { matchesDevice, SelectorError } from '#api/resource/device-matching.ts';
import { hasCapacity } from './capacity.ts';
import { constraintOf } from './constraints.ts';
import { availableCounters, CounterUse } from './counters.ts';
import type { Candidate, Pool, PoolId } from './device.ts';
import type { Catalog } from './pools.ts';
import {
  AllocationError,
  alternativesOf,
  classOf,
  claimText,
  type Request,
  requestsOf,
  RESULTS_MAX,
  type Wanted,
} from './requests.ts';
import { allocationOf } from './results.ts';
import { type ClaimPlan, type DevicesInUse, DeviceSearch } from './search.ts';

export interface AllocatorOptions {
  readonly catalog: Catalog;
  readonly inUse: DevicesInUse;
  deviceClass(name: string): DeviceClass | undefined;
  /** A name for a share of a device: a UUID. */
  readonly newShareId: () => string;
  /** Called at each step of a search: throws when it takes too long. */
  readonly step: () => void;
}

export type Allocated =
  /** One for each claim. */
  | { readonly results: readonly AllocationResult[] }
  /** Why there is none on this node. */
  | { readonly reason: string };

const NONE: Allocated = { reason: 'cannot allocate all claims' };
const INVALID: Allocated = { reason: 'invalid resource pools were encountered' };

export class Allocator {
  readonly #options: AllocatorOptions;
  /** What is left of the counters of each pool: the same for all nodes. */
  readonly #counters = new Map<PoolId, ReadonlyMap<string, string>>();

  constructor(options: AllocatorOptions) {
    this.#options = options;
  }

  /** Throws AllocationError where no node will do. */
  allocate(node: SelectableNode, claims: readonly ResourceClaim[]): Allocated {
    const { catalog, inUse, step, newShareId } = this.#options;
    const pools = catalog.poolsFor(node);
    const plans = claims.map((claim) => this.#plan(claim, pools));
    const search = new DeviceSearch({
      plans,
      candidates: pools.flatMap(({ candidates }) => candidates),
      inUse,
      counters: new CounterUse((pool) => this.#available(pool)),
      isSelected: (request, candidate, claim) => this.#isSelected(request, candidate, claim),
      step,
    });
    if (!search.run()) return pools.some(({ isInvalid }) => isInvalid) ? INVALID : NONE;
    const results = claims.map((claim, i) =>
      allocationOf(claim, search.choices[i] ?? [], { node: node.name, newShareId }),
    );
    return { results };
  }

  #available(pool: Pool): ReadonlyMap<string, string> {
    let known = this.#counters.get(pool.id);
    if (known === undefined) {
      known = availableCounters(pool, (id) => this.#options.inUse.isInUse(id));
      this.#counters.set(pool.id, known);
    }
    return known;
  }

  #plan(claim: ResourceClaim, pools: readonly Pool[]): ClaimPlan {
    const requests = requestsOf(claim).map((request) =>
      alternativesOf(request).map((each) => this.#wanted(each, claim, pools)),
    );
    const least = requests.reduce(
      (sum, each) => sum + Math.min(...each.map(({ deviceCount }) => deviceCount)),
      0,
    );
    if (least > RESULTS_MAX)
      throw new AllocationError(
        `claim ${claimText(claim)}: number of requested devices ${least} exceeds the claim limit of ${RESULTS_MAX}`,
      );
    const constraints = (claim.spec?.devices.constraints ?? []).map((each, i) => {
      const made = constraintOf(each);
      if (made !== undefined) return made;
      throw new AllocationError(
        `claim ${claimText(claim)}, constraint #${i}: empty constraint (unsupported constraint type?)`,
      );
    });
    return { claim, requests, constraints };
  }

  #wanted(request: Request, claim: ResourceClaim, pools: readonly Pool[]): Wanted {
    const { mode, count, ownName } = request;
    const wanted = {
      ...request,
      class: classOf(request, claim, (name) => this.#options.deviceClass(name)),
      deviceCount: count,
      all: undefined,
    };
    if (mode === 'ExactCount') return wanted;
    const where = `claim ${claimText(claim)}, request ${ownName}`;
    if (mode !== 'All') throw new AllocationError(`${where}: unsupported count mode ${mode}`);
    const all: Candidate[] = [];
    for (const { id, isIncomplete, isInvalid, candidates } of pools) {
      const state = isIncomplete ? 'being updated' : 'invalid';
      if (isIncomplete || isInvalid)
        throw new AllocationError(
          `${where}: asks for all devices, but resource pool ${id} is currently ${state}`,
        );
      all.push(...candidates.filter((candidate) => this.#isSelected(wanted, candidate, claim)));
    }
    return { ...wanted, deviceCount: all.length, all };
  }

  #isSelected(request: Wanted, candidate: Candidate, claim: ResourceClaim): boolean {
    const { class: of } = request;
    const ofClass = of.spec?.selectors ?? [];
    return (
      matchesAll(ofClass, candidate, `class ${of.metadata?.name ?? ''}`) &&
      matchesAll(request.selectors, candidate, `claim ${claimText(claim)}`) &&
      hasCapacity(request.capacity, candidate.device, this.#options.inUse.takenOf(candidate.id))
    );
  }
}

function matchesAll(
  selectors: readonly DeviceSelector[],
  { driver, device }: Candidate,
  where: string,
): boolean {
  return selectors.every(({ cel }, i) => {
    try {
      return matchesDevice(cel?.expression ?? '', driver, device);
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error;
      throw new AllocationError(`${where}: selector #${i}: ${error.message}`);
    }
  });
}
