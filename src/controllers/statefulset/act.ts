/**
 * Writes what a plan says: Pods and their claims, and events about both.
 *
 * Upstream: pkg/controller/statefulset/stateful_pod_control.go, v1.36; its messages.
 */
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type { StatefulSet } from '#api/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { isAlreadyExists, isConflict, isNotFound, plainError } from '#api/meta/status.ts';
import { errorOf, messageOf } from '#base/error.ts';
import { slowStart } from '#reconcile/slow-start.ts';
import type { Writer } from '../shared/pod-control.ts';
import type { ClaimPlan } from './claims.ts';
import type { Plan, Step } from './plan.ts';

export interface Outcome {
  /** The first failure; what came after it was not done. */
  readonly failure: Error | undefined;
  /** Pods deleted for an update. */
  readonly updated: number;
}

export async function act(set: StatefulSet, plan: Plan, writer: Writer): Promise<Outcome> {
  const actor = new Actor(set, writer);
  let updated = 0;
  try {
    for (const steps of plan.phases) await actor.phase(steps, plan.isOrdered);
    for (const pod of plan.updates) {
      await actor.deletePod(pod);
      updated++;
    }
    return { failure: undefined, updated };
  } catch (error) {
    return { failure: errorOf(error), updated };
  }
}

class Actor {
  readonly #set: StatefulSet;
  readonly #writer: Writer;

  constructor(set: StatefulSet, writer: Writer) {
    this.#set = set;
    this.#writer = writer;
  }

  async phase(steps: readonly Step[], isOrdered: boolean): Promise<void> {
    if (isOrdered) {
      for (const step of steps) await this.#do(step);
      return;
    }
    const byPod = [...Map.groupBy(steps, ({ pod }) => pod.metadata?.name).values()];
    const { failure } = await slowStart(byPod.length, async (nth) => {
      for (const step of byPod[nth] ?? []) await this.#do(step);
    });
    if (failure !== undefined) throw failure;
  }

  async deletePod(pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
    try {
      // By uid: another Pod may have the name by now, and it is not the one that was judged.
      await this.#writer.client.delete(POD, { name, namespace }, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) {
        this.#tellPod('Delete', pod, error);
        throw error;
      }
    }
    this.#tellPod('Delete', pod);
  }

  #do(step: Step): Promise<void> {
    switch (step.do) {
      case 'delete':
        return this.deletePod(step.pod);
      case 'create':
        return this.#create(step.pod, step.claims);
      case 'claims':
        return this.#fixClaims(step.pod, step.claims);
      case 'owners':
        return this.#setOwners(step);
      case 'repair':
        return this.#repair(step.pod, step.claims);
    }
  }

  /** The claims first: the scheduler may look for them as soon as there is a Pod. */
  async #create(pod: Pod, claims: ClaimPlan): Promise<void> {
    try {
      await this.#createClaims(pod, claims);
      await this.#writer.client.create(POD, pod);
    } catch (error) {
      // A Pod of that name is in the way, and the caches do not show it yet: not worth an event.
      if (!isAlreadyExists(error)) this.#tellPod('Create', pod, error);
      throw error;
    }
    await this.#updateOwners(pod, claims);
    this.#tellPod('Create', pod);
  }

  async #fixClaims(pod: Pod, claims: ClaimPlan): Promise<void> {
    await this.#createClaims(pod, claims);
    await this.#updateOwners(pod, claims);
  }

  async #setOwners({ pod, claims, isTold }: Extract<Step, { do: 'owners' }>): Promise<void> {
    await this.#updateOwners(pod, claims, isTold);
    if (isTold) this.#tellPod('Update', pod);
  }

  async #repair(pod: Pod, claims: ClaimPlan): Promise<void> {
    try {
      await this.#createClaims(pod, claims);
    } catch (error) {
      this.#tellPod('Update', pod, error);
      throw error;
    }
    await this.#updateOwners(pod, claims);
    try {
      await this.#writer.client.update(POD, pod);
    } catch (error) {
      // A Pod that changed meanwhile is looked at again.
      if (!isConflict(error)) this.#tellPod('Update', pod, error);
      throw error;
    }
    this.#tellPod('Update', pod);
  }

  /** Tries all; rejects with what went wrong in one error. */
  async #createClaims(pod: Pod, { creates, going }: ClaimPlan): Promise<void> {
    const failures: string[] = going.map((name) => `pvc ${name} is being deleted`);
    for (const claim of creates) {
      const name = claim.metadata?.name ?? '';
      try {
        await this.#writer.client.create(PERSISTENT_VOLUME_CLAIM, claim);
        this.#tellClaim(pod, claim);
      } catch (error) {
        failures.push(`failed to create PVC ${name}: ${messageOf(error)}`);
        if (!isAlreadyExists(error)) this.#tellClaim(pod, claim, error);
      }
    }
    if (failures.length === 0) return;
    const [first = ''] = failures;
    // All of it is the server's to say, or to be waited for.
    throw plainError(failures.length === 1 ? first : `[${failures.join(', ')}]`);
  }

  async #updateOwners(pod: Pod, { updates, conflicts }: ClaimPlan, isTold = true): Promise<void> {
    for (const name of conflicts) {
      const message = `PersistentVolumeClaim ${name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`;
      this.#tell('Warning', 'ConflictingController', message);
    }
    for (const claim of updates) {
      try {
        await this.#writer.client.update(PERSISTENT_VOLUME_CLAIM, claim);
      } catch (error) {
        const name = claim.metadata?.name ?? '';
        const message = `could not update claim ${name} for delete policy ownerRefs: ${messageOf(error)}`;
        // A claim that changed meanwhile is looked at again.
        if (isTold && !isConflict(error)) this.#tellPod('Update', pod, new Error(message));
        throw error;
      }
    }
  }

  #tellPod(verb: 'Create' | 'Update' | 'Delete', pod: Pod, error?: unknown): void {
    const what = `${verb} Pod ${pod.metadata?.name ?? ''} in StatefulSet ${this.#set.metadata?.name ?? ''}`;
    if (error === undefined) this.#tell('Normal', `Successful${verb}`, `${what} successful`);
    else this.#tell('Warning', `Failed${verb}`, `${what} failed error: ${messageOf(error)}`);
  }

  #tellClaim(pod: Pod, claim: PersistentVolumeClaim, error?: unknown): void {
    const [name, podName] = [claim.metadata?.name ?? '', pod.metadata?.name ?? ''];
    const set = this.#set.metadata?.name ?? '';
    if (error === undefined) {
      const message = `Create Claim ${name} Pod ${podName} in StatefulSet ${set} success`;
      this.#tell('Normal', 'SuccessfulCreate', message);
      return;
    }
    const message = `Create Claim ${name} for Pod ${podName} in StatefulSet ${set} failed error: ${messageOf(error)}`;
    this.#tell('Warning', 'FailedCreate', message);
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#writer.events.event({ about: this.#set, type, reason, message });
  }
}
