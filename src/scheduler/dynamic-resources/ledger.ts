/**
 * What the scheduler knows of devices: the claims, with what it has given them and not written yet,
 * and which devices are therefore in use.
 *
 *   chosen ─▶ in flight ─▶ written ─▶ shown by the API
 *
 * A claim in flight has its devices for everybody but itself: another pod of the claim waits until
 * they are written, because only then it can be said that they will be there. Pods of one group share
 * it: whoever of them comes first writes it. Counted by deltas.
 * Source: upstream v1.36 pkg/scheduler/framework/plugins/dynamicresources/dra_manager.go,
 * pkg/scheduler/util/assumecache.
 */
import type { AllocationResult, DeviceClass, ResourceClaim } from '#api/gen/resource-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { controllerOf, type KubeObject } from '#api/meta/object.ts';
import type { Environment } from '#base/env.ts';
import type { ClusterEvent } from '../cluster-events.ts';
import type { Objects } from '../cluster.ts';
import { ResourceNames } from './resource-names.ts';
import { Catalog } from './pools.ts';
import { claimText } from './requests.ts';
import { DeviceUse } from './use.ts';

/** Devices that are chosen and not written yet. */
interface InFlight {
  readonly allocation: AllocationResult;
  /** Of the pods that they are for, and how many these are. */
  readonly group: string | undefined;
  pods: number;
}

/** When it is, and names for shares of devices. */
export type Moment = Pick<Environment, 'clock' | 'random'>;

export class DeviceLedger {
  readonly #objects: Objects;
  readonly moment: Moment;
  readonly #use = new DeviceUse();
  /** What the scheduler wrote and the API does not show yet, by `namespace/name`. */
  readonly #written = new Map<string, ResourceClaim>();
  /** By uid of the claim; as many as pods are being bound have claims. */
  readonly #inFlight = new Map<string, InFlight>();
  /** What is counted of each claim, by uid. */
  readonly #counted = new Map<string, AllocationResult>();
  #isLoaded = false;
  #catalog: Catalog | undefined;
  #names: ResourceNames | undefined;

  constructor(objects: Objects, moment: Moment) {
    this.#objects = objects;
    this.moment = moment;
  }

  get inUse(): DeviceUse {
    this.#load();
    return this.#use;
  }

  /** Who never sees a claim pays nothing for them. */
  #load(): void {
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    for (const claim of this.#objects.resourceClaims()) this.#recount(claim);
  }

  get catalog(): Catalog {
    this.#catalog ??= new Catalog(this.#objects.resourceSlices());
    return this.#catalog;
  }

  deviceClass(name: string): DeviceClass | undefined {
    return this.#objects.deviceClass(name);
  }

  /** The class whose devices are an extended resource. */
  classOfResource(name: string): DeviceClass | undefined {
    this.#names ??= new ResourceNames(this.#objects.deviceClasses());
    return this.#names.classOf(name);
  }

  /** By `namespace/name`, as it is or as the scheduler has written it since. */
  claim(key: string): ResourceClaim | undefined {
    const shown = this.#objects.resourceClaim(key);
    const written = this.#written.get(key);
    if (written === undefined || shown === undefined) return written ?? shown;
    return versionOf(shown) < versionOf(written) ? written : shown;
  }

  /** Claims that were made for a pod. */
  claimsOf(podUid: string): readonly ResourceClaim[] {
    const unseen = [...this.#written.values()].filter(
      (claim) =>
        controllerOf(claim)?.uid === podUid &&
        this.#objects.resourceClaim(claimText(claim)) === undefined,
    );
    return [...this.#objects.resourceClaimsOf(podUid), ...unseen];
  }

  isInFlight(uid: string): boolean {
    return this.#inFlight.has(uid);
  }

  /** What a claim gets for pods of this group. */
  sharedIn(uid: string, group: string): AllocationResult | undefined {
    const known = this.#inFlight.get(uid);
    return known?.group === group ? known.allocation : undefined;
  }

  /** The claim has been given devices, for a pod (of a group). */
  begin(claim: ResourceClaim, allocation: AllocationResult, group?: string): void {
    this.#load();
    const known = this.#inFlight.get(uidOf(claim));
    if (known !== undefined) known.pods += 1;
    else this.#inFlight.set(uidOf(claim), { allocation, group, pods: 1 });
    this.#recount(claim);
  }

  /** They are written for the pod, or given back by it. */
  end(claim: ResourceClaim): void {
    const known = this.#inFlight.get(uidOf(claim));
    if (known === undefined) return;
    known.pods -= 1;
    if (known.pods === 0) this.#inFlight.delete(uidOf(claim));
    this.#recount(claim);
  }

  /** The API has taken what the scheduler wrote. */
  wrote(claim: ResourceClaim): void {
    this.#load();
    const key = claimText(claim);
    const known = this.#written.get(key);
    if (known !== undefined && versionOf(known) > versionOf(claim)) return;
    this.#written.set(key, claim);
    this.#recount(claim);
  }

  /** What the scheduler wrote is deleted. */
  forget(claim: ResourceClaim): void {
    this.#written.delete(claimText(claim));
    this.#recount(claim);
  }

  /** An object has changed. */
  changed({ resource, before, after }: ClusterEvent): void {
    if (resource === 'ResourceSlice') this.#catalog = undefined;
    else if (resource === 'DeviceClass') this.#names = undefined;
    else if (resource === 'ResourceClaim') {
      this.#dropOld(after ?? before ?? {});
      if (before !== undefined) this.#recount(before);
      if (after !== undefined) this.#recount(after);
    }
  }

  /** Events come in order: what is older than this one is shown, or is gone. */
  #dropOld(seen: KubeObject): void {
    for (const [key, claim] of this.#written) {
      if (versionOf(claim) > versionOf(seen)) continue;
      this.#written.delete(key);
      this.#recount(claim);
    }
  }

  #recount(claim: ResourceClaim): void {
    if (!this.#isLoaded) return;
    const uid = uidOf(claim);
    const now = this.claim(claimText(claim));
    const allocated = now !== undefined && uidOf(now) === uid ? now.status?.allocation : undefined;
    const next = allocated ?? this.#inFlight.get(uid)?.allocation;
    const known = this.#counted.get(uid);
    if (known === next || equalValues(known?.devices, next?.devices)) return;
    if (known !== undefined) this.#use.count(known, -1);
    if (next === undefined) this.#counted.delete(uid);
    else {
      this.#use.count(next, 1);
      this.#counted.set(uid, next);
    }
  }
}

function uidOf({ metadata }: ResourceClaim): string {
  return metadata?.uid ?? '';
}

function versionOf({ metadata }: KubeObject): number {
  return Number(metadata?.resourceVersion ?? 0);
}
