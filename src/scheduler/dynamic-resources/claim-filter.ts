/**
 * What is known of one pod's claims for the length of a cycle: which nodes reach the devices that
 * they have, and which devices they would get on a node.
 *
 * Upstream: pkg/scheduler/framework/plugins/dynamicresources/dynamicresources.go, v1.36 (stateData,
 * Filter, PostFilter, computeScore).
 */
import { type NodePredicate, termsPredicate } from '#api/core/node-selector.ts';
import type { AllocationResult, ResourceClaim } from '#api/gen/resource-v1.ts';
import type { Cluster } from '../cluster.ts';
import {
  AttemptError,
  type GiveBack,
  type NodeFilter,
  type NodeInfo,
  type PodInfo,
  type Reservation,
  type Verdict,
} from '../framework.ts';
import { groupKeyOf } from '../pod-groups.ts';
import { amountOf } from '../resources.ts';
import { Allocator } from './allocator.ts';
import { extendedRequests, isUnmade } from './extended-resources.ts';
import { deallocation, deletion } from './give-back.ts';
import type { DeviceLedger } from './ledger.ts';
import { isTimedOut, readinessOf } from './readiness.ts';
import { AllocationError, requestsOf } from './requests.ts';
import { ClaimReservation, type HeldClaim } from './reservation.ts';
import { mayBeDevices } from './resource-names.ts';

export const NAME = 'DynamicResources';
/** An alternative is worth more the earlier it comes: the first of the most that there may be. */
const ALTERNATIVES_MAX = 8;

export interface DynamicResourcesArgs {
  /** How long the search on one node may take; 0: as long as it takes. */
  readonly filterTimeoutMs: number;
  /** How long devices may take to be ready. */
  readonly bindingTimeoutMs: number;
}

export interface PodClaims {
  readonly pod: PodInfo;
  /** Made by people, or from templates. */
  readonly claims: readonly ResourceClaim[];
  /** Of its extended resources; `isUnmade`, or one that an earlier attempt has left. */
  readonly extended: ResourceClaim | undefined;
}

/** What a node would give. */
interface Offer {
  readonly held: readonly HeldClaim[];
}

export function refusal(...reasons: string[]): Verdict {
  return { plugin: NAME, kind: 'UnschedulableAndUnresolvable', reasons };
}

const VERDICTS = {
  stale: refusal('cannot schedule extended resource claim'),
  noResource: refusal('cannot fit resource'),
  outOfReach: refusal('resourceclaim not available on the node'),
} as const;

/** Where the devices of a claim are, once it has some. */
interface Known {
  readonly claim: ResourceClaim;
  /** Chosen for another pod of the group, and not written yet. */
  readonly shared: AllocationResult | undefined;
  readonly isReached: NodePredicate | undefined;
}

export class ClaimFilter implements NodeFilter {
  readonly #of: PodClaims;
  readonly #ledger: DeviceLedger;
  readonly #args: DynamicResourcesArgs;
  readonly #known: readonly Known[];
  readonly #allocator: Allocator | undefined;
  readonly #offers = new Map<string, Offer>();
  /** Claims whose devices were out of reach of a node, or are not getting ready. */
  readonly #unavailable = new Set<ResourceClaim>();
  readonly #reasons = new Map<string, Verdict>();
  /** Monotonic time at which the search on a node is given up. */
  #untilMs = Number.POSITIVE_INFINITY;

  constructor(of: PodClaims, { devices }: Cluster, args: DynamicResourcesArgs) {
    this.#of = of;
    this.#ledger = devices;
    this.#args = args;
    const { claims, extended } = of;
    const group = groupKeyOf(of.pod.pod);
    this.#known = claims.map((claim) => {
      const { allocation } = claim.status ?? {};
      const isOpen = allocation === undefined && group !== undefined;
      const shared = isOpen ? devices.sharedIn(claim.metadata?.uid ?? '', group) : undefined;
      const terms = (allocation ?? shared)?.nodeSelector?.nodeSelectorTerms;
      return { claim, shared, isReached: terms && termsPredicate(terms) };
    });
    const isComplete = this.#known.every((known) => allocationOf(known) !== undefined);
    this.#allocator =
      isComplete && extended === undefined
        ? undefined
        : new Allocator({
            catalog: devices.catalog,
            inUse: devices.inUse,
            deviceClass: (name) => devices.deviceClass(name),
            newShareId: () => devices.moment.random.uuid(),
            step: () => this.#step(),
          });
  }

  check(node: NodeInfo): Verdict | undefined {
    const extended = this.#extendedOn(node);
    if (extended !== undefined && 'reasons' in extended) return extended;
    const missing = this.#known.filter((known) => !this.#isAvailable(known, node));
    const wanted = this.#known
      .filter((known) => allocationOf(known) === undefined)
      .map(({ claim }): HeldClaim => ({ claim }));
    if (extended !== undefined) wanted.push(extended);
    const offer = this.#offer(node, wanted);
    if ('reasons' in offer) return offer;
    for (const { claim } of missing) this.#unavailable.add(claim);
    if (missing.length > 0) return VERDICTS.outOfReach;
    this.#offers.set(node.name, offer);
    return undefined;
  }

  reserve(node: NodeInfo): Reservation {
    const held = this.#offers.get(node.name)?.held ?? [];
    const settled = this.#known
      .filter((known) => allocationOf(known) !== undefined)
      .map(({ claim, shared }) => withAllocation({ claim }, shared));
    const { pod } = this.#of.pod;
    return new ClaimReservation({
      pod,
      claims: [...settled, ...held],
      node: node.name,
      ledger: this.#ledger,
      timeoutMs: this.#args.bindingTimeoutMs,
    });
  }

  giveBack(): GiveBack {
    const { pod, extended } = this.#of;
    for (const claim of this.#unavailable) {
      const users = claim.status?.reservedFor ?? [];
      if (users.every(({ uid }) => uid === pod.uid) && users.length <= 1)
        return deallocation(claim, this.#ledger);
    }
    if (extended !== undefined && !isUnmade(extended)) return deletion(extended, this.#ledger);
    return { message: 'still not schedulable' };
  }

  /** Whether nodes can differ in the alternatives that they have. */
  get hasAlternatives(): boolean {
    return this.#of.claims.some((claim) =>
      requestsOf(claim).some(({ firstAvailable = [] }) => firstAvailable.length > 0),
    );
  }

  score(node: NodeInfo): number {
    const offered = this.#offers.get(node.name)?.held ?? [];
    const settled = this.#known.map((known) => ({
      claim: known.claim,
      allocation: allocationOf(known),
    }));
    return [...settled, ...offered].reduce(
      (sum, { claim, allocation }) =>
        sum + (allocation === undefined ? 0 : worth(claim, allocation)),
      0,
    );
  }

  #isAvailable({ claim, isReached }: Known, node: NodeInfo): boolean {
    if (isReached !== undefined && !isReached(node)) return false;
    if (claim.status?.allocation === undefined) return true;
    const readiness = readinessOf(claim);
    if (readiness === 'ready') return true;
    const nowMs = this.#ledger.moment.clock.now();
    return readiness === 'waiting' && !isTimedOut(claim, this.#args.bindingTimeoutMs, nowMs);
  }

  /** The claim of extended resources as this node would fill it; undefined: it needs none there. */
  #extendedOn(node: NodeInfo): HeldClaim | Verdict | undefined {
    const { extended, pod } = this.#of;
    if (extended === undefined) return undefined;
    if (!isUnmade(extended)) return VERDICTS.stale;
    const classes = new Map<string, string>();
    for (const [resource, amount] of pod.requests.others) {
      if (amount === 0 || !mayBeDevices(resource)) continue;
      const of = this.#ledger.classOfResource(resource);
      if (of !== undefined && amountOf(node.allocatable, resource) === 0)
        classes.set(resource, of.metadata?.name ?? '');
      else if (!node.allocatable.others.has(resource)) return VERDICTS.noResource;
    }
    if (classes.size === 0) return undefined;
    const { requests, mappings } = extendedRequests(pod.pod, classes);
    const claim = { ...extended, spec: { devices: { requests: [...requests] } } };
    return { claim, mappings };
  }

  /** Devices for all claims that have none, at once. */
  #offer(node: NodeInfo, wanted: readonly HeldClaim[]): Offer | Verdict {
    if (this.#allocator === undefined || wanted.length === 0) return { held: [] };
    const { filterTimeoutMs } = this.#args;
    const { clock } = this.#ledger.moment;
    if (filterTimeoutMs > 0) this.#untilMs = clock.monotonicMs() + filterTimeoutMs;
    try {
      const given = this.#allocator.allocate(
        node,
        wanted.map(({ claim }) => claim),
      );
      if ('reason' in given) return this.#because(given.reason);
      return { held: wanted.map((each, i) => withAllocation(each, given.results[i])) };
    } catch (error) {
      if (error instanceof TooLong)
        throw failed(`node ${node.name}: timed out trying to allocate devices`);
      if (error instanceof AllocationError) throw failed(error.message);
      throw error;
    }
  }

  #because(reason: string): Verdict {
    let verdict = this.#reasons.get(reason);
    if (verdict === undefined) this.#reasons.set(reason, (verdict = refusal(reason)));
    return verdict;
  }

  #step(): void {
    if (this.#ledger.moment.clock.monotonicMs() > this.#untilMs) throw new TooLong();
  }
}

function allocationOf({ claim, shared }: Known): AllocationResult | undefined {
  return claim.status?.allocation ?? shared;
}

class TooLong extends Error {}

function failed(message: string): AttemptError {
  return new AttemptError(`running ${JSON.stringify(NAME)} filter plugin: ${message}`);
}

function withAllocation(held: HeldClaim, allocation: AllocationResult | undefined): HeldClaim {
  return allocation === undefined ? held : { ...held, allocation };
}

/** How good the alternatives are that were chosen. */
function worth(claim: ResourceClaim, { devices }: AllocationResult): number {
  const chosen = new Set((devices?.results ?? []).map(({ request }) => request));
  let sum = 0;
  for (const { name, firstAvailable = [] } of requestsOf(claim))
    for (const [i, alternative] of firstAvailable.entries())
      if (chosen.has(`${name}/${alternative.name}`)) sum += ALTERNATIVES_MAX - i;
  return sum;
}
