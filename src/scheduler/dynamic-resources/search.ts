/**
 * The search for devices: all requests of all claims, one device after the other, with a way back
 * from each choice. The first solution is taken.
 *
 * Devices are tried in the order of the pools; within one request only in that order, because the
 * same devices in another order are no other solution. Source: upstream v1.36
 * staging/src/k8s.io/dynamic-resource-allocation/structured/internal/incubating/allocator_incubating.go
 * (allocateOne, allocateDevice).
 */
import type { DeviceTaint, DeviceToleration, ResourceClaim } from '#api/gen/resource-v1.ts';
import { type Amounts, consumedBy, hasCapacity, sumOf } from './capacity.ts';
import type { Constraint } from './constraints.ts';
import type { CounterUse } from './counters.ts';
import { type Candidate, type DeviceId, isShareable } from './device.ts';
import { AllocationError, claimText, RESULTS_MAX, type Wanted } from './requests.ts';

/** A claim with what there is for each of its requests. */
export interface ClaimPlan {
  readonly claim: ResourceClaim;
  /** By request, its alternatives in order: one where there is no choice. */
  readonly requests: readonly (readonly Wanted[])[];
  readonly constraints: readonly Constraint[];
}

/** A device that was chosen, and what for. */
export interface Choice {
  readonly candidate: Candidate;
  readonly request: Wanted;
  /** What is taken of a device that is shared. */
  readonly consumed: Amounts | undefined;
}

/** Devices that others have. */
export interface DevicesInUse {
  /** Nobody else may have it. */
  isTaken(id: DeviceId): boolean;
  isInUse(id: DeviceId): boolean;
  /** What is taken of a device that is shared. */
  takenOf(id: DeviceId): Amounts;
}

export interface SearchOptions {
  readonly plans: readonly ClaimPlan[];
  readonly candidates: readonly Candidate[];
  readonly inUse: DevicesInUse;
  readonly counters: CounterUse;
  /** Throws an AllocationError where a selector cannot be run. */
  isSelected(request: Wanted, candidate: Candidate, claim: ResourceClaim): boolean;
  /** Called at each step: throws when the search takes too long. */
  readonly step: () => void;
}

/** `tooMany`: a claim would have more devices than it may; others of an earlier request do not help. */
type Outcome = 'found' | 'none' | 'tooMany';

export class DeviceSearch {
  /** By claim. */
  readonly choices: readonly Choice[][];
  readonly #options: SearchOptions;
  /** Devices that this search has given away for itself alone, and to which claims. */
  readonly #given = new Map<DeviceId, Set<number>>();
  /** What it has given of devices that are shared. */
  readonly #shares = new Map<DeviceId, Amounts[]>();

  constructor(options: SearchOptions) {
    this.#options = options;
    this.choices = options.plans.map(() => []);
  }

  /** True when all claims have their devices. */
  run(): boolean {
    return this.#request(0, 0) === 'found';
  }

  #request(claimIndex: number, index: number): Outcome {
    const plan = this.#options.plans[claimIndex];
    if (plan === undefined) return 'found';
    const alternatives = plan.requests[index];
    if (alternatives === undefined) {
      const rest = this.#request(claimIndex + 1, 0);
      return rest === 'tooMany' ? 'none' : rest;
    }
    let outcome: Outcome = 'tooMany';
    for (const wanted of alternatives) {
      const tried = this.#devices({ claimIndex, index, plan, wanted }, 0, 0);
      if (tried === 'found') return tried;
      if (tried === 'none') outcome = tried;
    }
    return outcome;
  }

  /** From the `count`th device of the request on; candidates before `start` were tried. */
  #devices(place: Place, count: number, start: number): Outcome {
    const { candidates, step } = this.#options;
    const { claimIndex, index, wanted } = place;
    step();
    if (wanted.all?.length === 0) return 'none';
    if (count >= wanted.deviceCount) return this.#request(claimIndex, index + 1);
    const has = this.choices[claimIndex]?.length ?? 0;
    if (has + wanted.deviceCount - count > RESULTS_MAX) return 'tooMany';
    if (wanted.all !== undefined) {
      // All of them are needed, so that their order does not matter.
      const candidate = wanted.all[count];
      if (candidate === undefined || !this.#isFree(place, candidate)) return 'none';
      return this.#with(place, candidate, () => this.#devices(place, count + 1, 0));
    }
    for (let i = start; i < candidates.length; i++) {
      const candidate = candidates[i];
      if (candidate === undefined || !this.#suits(place, candidate)) continue;
      const tried = this.#with(place, candidate, () => this.#devices(place, count + 1, i + 1));
      if (tried !== 'none') return tried;
    }
    return 'none';
  }

  #suits(place: Place, candidate: Candidate): boolean {
    const { wanted, plan } = place;
    return (
      this.#isFree(place, candidate) && this.#options.isSelected(wanted, candidate, plan.claim)
    );
  }

  /** Those with admin access may have what others have, but only once each claim. */
  #isFree({ wanted, claimIndex }: Place, { id }: Candidate): boolean {
    const given = this.#given.get(id);
    if (wanted.adminAccess) return given?.has(claimIndex) !== true;
    return !this.#options.inUse.isTaken(id) && (given === undefined || given.size === 0);
  }

  /** Goes on with the device, if it may be had; without it afterwards, unless all is found. */
  #with(place: Place, candidate: Candidate, then: () => Outcome): Outcome {
    const undo = this.#take(place, candidate);
    if (undo === undefined) return 'none';
    const outcome = then();
    if (outcome !== 'found') undo();
    return outcome;
  }

  #take(place: Place, candidate: Candidate): (() => void) | undefined {
    const { counters } = this.#options;
    const { wanted, claimIndex } = place;
    const { id, device, from } = candidate;
    const shares = isShareable(device);
    const taken = this.#takenOf(id);
    if (!hasCapacity(wanted.capacity, device, taken)) return undefined;
    // The first who shares a device takes from its counters for all.
    const isCounted = !(shares && (this.#options.inUse.isInUse(id) || this.#shares.has(id)));
    if (isCounted && !counters.hasEnough(device, from)) return undefined;
    if (!toleratesAll(device.taints ?? [], wanted.tolerations)) return undefined;
    if (!this.#constrain(place, candidate)) return undefined;
    const consumed = shares ? consumedBy(wanted.capacity, device) : undefined;
    const release = consumed === undefined ? this.#give(id, claimIndex) : this.#share(id, consumed);
    if (isCounted) counters.take(device, from);
    this.choices[claimIndex]?.push({ candidate, request: wanted, consumed });
    return () => {
      this.choices[claimIndex]?.pop();
      if (isCounted) counters.giveBack(device, from);
      release();
      for (const constraint of place.plan.constraints) constraint.remove(wanted);
    };
  }

  #takenOf(id: DeviceId): Amounts {
    const before = this.#options.inUse.takenOf(id);
    const own = this.#shares.get(id);
    return own === undefined ? before : own.reduce(sumOf, before);
  }

  #give(id: DeviceId, claimIndex: number): () => void {
    const given = this.#given.get(id) ?? new Set();
    given.add(claimIndex);
    this.#given.set(id, given);
    return () => given.delete(claimIndex);
  }

  #share(id: DeviceId, consumed: Amounts): () => void {
    const shares = this.#shares.get(id) ?? [];
    shares.push(consumed);
    this.#shares.set(id, shares);
    return () => {
      shares.pop();
      if (shares.length === 0) this.#shares.delete(id);
    };
  }

  /** A claim that wants all devices and does not let them go together makes no sense. */
  #constrain({ plan, wanted }: Place, candidate: Candidate): boolean {
    const added: Constraint[] = [];
    for (const constraint of plan.constraints) {
      if (constraint.add(wanted, candidate)) {
        added.push(constraint);
        continue;
      }
      if (wanted.all !== undefined)
        throw new AllocationError(
          `claim ${claimText(plan.claim)}, request ${wanted.ownName}: cannot add device ${candidate.id} because a claim constraint would not be satisfied`,
        );
      for (const each of added) each.remove(wanted);
      return false;
    }
    return true;
  }
}

/** Where the search is. */
interface Place {
  readonly claimIndex: number;
  readonly index: number;
  readonly plan: ClaimPlan;
  readonly wanted: Wanted;
}

/** Taints of other effects, that of none too, keep nobody off. */
function toleratesAll(
  taints: readonly DeviceTaint[],
  tolerations: readonly DeviceToleration[],
): boolean {
  return taints.every(
    (taint) =>
      (taint.effect !== 'NoSchedule' && taint.effect !== 'NoExecute') ||
      tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

function tolerates(
  { key = '', operator = 'Equal', value = '', effect }: DeviceToleration,
  taint: DeviceTaint,
): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''));
}
