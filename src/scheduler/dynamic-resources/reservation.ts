/**
 * The claims of a pod that has a node: their devices are held, then written, then waited for.
 *
 * Upstream: pkg/scheduler/framework/plugins/dynamicresources (Reserve, PreBind, Unreserve), v1.36.
 */
import { POD } from '#api/core/pod.ts';
import type { ContainerExtendedResourceRequest, Pod } from '#api/gen/core-v1.ts';
import type { AllocationResult, ResourceClaim } from '#api/gen/resource-v1.ts';
import { RESOURCE_CLAIM } from '#api/resource/resource-claim.ts';
import { messageOf } from '#base/error.ts';
import type { Reservation } from '../framework.ts';
import { groupKeyOf } from '../pod-groups.ts';
import { targetOf, type Writer } from '../pod-writes.ts';
import { bindClaim, unreserve } from './claim-writes.ts';
import { claimToMake, isUnmade } from './extended-resources.ts';
import { deleteClaim } from './give-back.ts';
import type { DeviceLedger } from './ledger.ts';
import { isReservedFor } from './pod-claims.ts';
import { isTimedOut, needsWait, readinessOf } from './readiness.ts';
import { claimText } from './requests.ts';

/** A claim of the pod, and what it was given if it had nothing. */
export interface HeldClaim {
  readonly claim: ResourceClaim;
  readonly allocation?: AllocationResult;
  /** Of the claim of extended resources: which containers use what. */
  readonly mappings?: readonly ContainerExtendedResourceRequest[];
}

export interface ClaimReservationOptions {
  readonly pod: Pod;
  readonly node: string;
  readonly claims: readonly HeldClaim[];
  readonly ledger: DeviceLedger;
  /** How long devices may take to be ready. */
  readonly timeoutMs: number;
}

export class ClaimReservation implements Reservation {
  readonly plugin = 'DynamicResources';
  readonly writes = [];
  readonly timeoutMs: number;
  readonly #options: ClaimReservationOptions;
  readonly #held: HeldClaim[];
  /** Claims whose devices are in flight for this pod, by uid. */
  readonly #inFlight = new Set<string>();

  constructor(options: ClaimReservationOptions) {
    this.#options = options;
    this.timeoutMs = options.timeoutMs;
    this.#held = [...options.claims];
    for (const { claim, allocation } of this.#held) this.#begin(claim, allocation);
  }

  release(): void {
    for (const { claim } of this.#held) this.#end(claim);
  }

  #begin(claim: ResourceClaim, allocation: AllocationResult | undefined): void {
    if (allocation === undefined) return;
    const { ledger, pod } = this.#options;
    this.#inFlight.add(claim.metadata?.uid ?? '');
    ledger.begin(claim, allocation, groupKeyOf(pod));
  }

  #end(claim: ResourceClaim): void {
    if (this.#inFlight.delete(claim.metadata?.uid ?? '')) this.#options.ledger.end(claim);
  }

  async act(writer: Writer): Promise<void> {
    for (const [index, held] of this.#held.entries())
      if (!isReservedFor(this.#options.pod, held.claim)) await this.#bind(index, held, writer);
  }

  async undo(writer: Writer): Promise<void> {
    for (const held of this.#held) {
      try {
        await this.#takeBack(held, writer);
      } catch (error) {
        // The next attempt finds it, and so does the controller of claims.
        const { log } = writer.environment;
        const claim = claimText(held.claim);
        log.warn('cannot take a reservation back', { claim, error: String(error) });
      }
    }
  }

  isReady(): boolean {
    if (!this.#held.some(({ claim }) => needsWait(claim))) return true;
    const { ledger, timeoutMs } = this.#options;
    return this.#held.every((held) => {
      const key = claimText(held.claim);
      const claim = ledger.claim(key);
      if (claim === undefined)
        throw new Error(`could not find ResourceClaim ${JSON.stringify(key)}`);
      const readiness = readinessOf(claim);
      if (typeof readiness === 'object') throw new Error(readiness.failed);
      if (readiness === 'waiting' && isTimedOut(claim, timeoutMs, ledger.moment.clock.now()))
        throw new Error(`device binding timeout: claim=${claim.metadata?.name}`);
      return readiness === 'ready';
    });
  }

  describe(message: string): string {
    return message === 'context deadline exceeded' ? `device binding timeout: ${message}` : message;
  }

  notice() {
    if (!this.#held.some(({ claim }) => needsWait(claim))) return undefined;
    return {
      reason: 'BindingConditionsPending',
      message: `waiting for binding conditions for device on node ${this.#options.node}`,
    };
  }

  async #bind(index: number, held: HeldClaim, writer: Writer): Promise<void> {
    const { pod, ledger } = this.#options;
    const { allocation, mappings } = held;
    let { claim } = held;
    if (isUnmade(claim)) claim = await this.#make(index, held, writer);
    const bound = await bindClaim(claim, { pod, allocation }, writer);
    this.#held[index] = { ...held, claim: bound };
    ledger.wrote(bound);
    this.#end(claim);
    if (mappings === undefined) return;
    const extendedResourceClaimStatus = {
      requestMappings: mappings,
      resourceClaimName: bound.metadata?.name,
    };
    const patch = { metadata: { uid: pod.metadata?.uid }, status: { extendedResourceClaimStatus } };
    try {
      await writer.client.patch(POD, targetOf(pod), 'strategic', patch, { subresource: 'status' });
    } catch (error) {
      const { namespace = '', name = '' } = pod.metadata ?? {};
      throw new Error(
        `update pod ${namespace}/${name} ExtendedResourceClaimStatus: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** From here on what is held is held for the claim that people see. */
  async #make(index: number, held: HeldClaim, { client }: Writer): Promise<ResourceClaim> {
    const { claim: unmade, allocation } = held;
    let claim: ResourceClaim;
    try {
      claim = await client.create(RESOURCE_CLAIM, claimToMake(unmade));
    } catch (error) {
      // The claim has no name yet.
      const where = `${unmade.metadata?.namespace ?? ''}/`;
      throw new Error(`create claim for extended resources ${where}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    this.#held[index] = { ...held, claim };
    this.#end(unmade);
    this.#begin(claim, allocation);
    return claim;
  }

  async #takeBack({ claim, mappings }: HeldClaim, writer: Writer): Promise<void> {
    const { pod, ledger } = this.#options;
    if (mappings !== undefined) {
      if (!isUnmade(claim)) await deleteClaim(claim, ledger, writer);
    } else if (claim.status?.allocation !== undefined && isReservedFor(pod, claim)) {
      ledger.wrote(await unreserve(claim, pod, writer.client));
    }
  }
}
