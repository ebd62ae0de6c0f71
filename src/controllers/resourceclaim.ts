/**
 * ResourceClaims of Pods: made from their templates, reserved for Pods that were bound by hand, and
 * let go when no Pod uses them any more.
 *
 *   Pod ───────▶ pod key ───▶ claims from templates, named in the Pod's status
 *     done ─┐
 *   claim ──┴──▶ claim key ─▶ reservations of Pods that are gone end; the last one frees the devices
 *
 * Upstream: pkg/controller/resourceclaim/controller.go, v1.36; KEP-4381. Claims of Pod groups are
 * behind a gate that is off.
 */
import { POD } from '#api/core/pod.ts';
import type { Pod, PodResourceClaim } from '#api/gen/core-v1.ts';
import type {
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimTemplate,
} from '#api/gen/resource-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import { type Change, type Informer, keyFor, keyOf, splitKey } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Setup,
} from '#reconcile/controller.ts';
import { ClaimMetrics } from './resourceclaim/metrics.ts';
import {
  claimFrom,
  claimNameOf,
  claimNames,
  isFor,
  isPodDone,
  isToReserve,
  POD_CLAIM,
} from './shared/pod-claims.ts';
import { RESOURCE_CLAIM, RESOURCE_CLAIM_TEMPLATE } from './shared/device-types.ts';
import { withoutFinalizer } from './shared/finalizers.ts';

const POD_KEY = 'pod:';
const CLAIM_KEY = 'claim:';
const BY_CLAIM = 'resource-claim';
const BY_TEMPLATE = 'resource-claim-template';
const BY_OWNER = 'owning-pod';
const FINALIZER = 'resource.kubernetes.io/delete-protection';
const FIELD_MANAGER = 'ResourceClaimController';

export const resourceClaimController: Controller = defineKeyController({
  name: 'resource-claim-controller',
  component: 'resource_claim',
  queue: 'resource_claim',
  create: (setup) => new Claims(setup).reconcile,
});

class Claims {
  readonly #setup: Setup;
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<ResourceClaim>;
  readonly #templates: Informer<ResourceClaimTemplate>;
  readonly #metrics: ClaimMetrics;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#pods = setup.watch(POD, podChanged);
    this.#pods.index(BY_CLAIM, (pod) =>
      claimNames(pod).map((name) => keyFor(name, pod.metadata?.namespace)),
    );
    this.#pods.index(BY_TEMPLATE, (pod) =>
      (pod.spec?.resourceClaims ?? []).map(({ resourceClaimTemplateName = '' }) =>
        keyFor(resourceClaimTemplateName, pod.metadata?.namespace),
      ),
    );
    this.#claims = setup.watch(RESOURCE_CLAIM, ({ type, key }) => [
      ...(type === 'deleted' ? [] : [CLAIM_KEY + key]),
      ...this.#pods.byIndex(BY_CLAIM, key).map((pod) => POD_KEY + keyOf(pod)),
    ]);
    this.#metrics = new ClaimMetrics(setup.metrics, () => this.#claims.list());
    this.#claims.index(BY_OWNER, (claim) => [controllerOf(claim)?.uid ?? '']);
    this.#templates = setup.watch(RESOURCE_CLAIM_TEMPLATE, ({ type, key }) =>
      type === 'deleted'
        ? []
        : this.#pods.byIndex(BY_TEMPLATE, key).map((pod) => POD_KEY + keyOf(pod)),
    );
  }

  readonly reconcile = async (key: string, pass: Pass): Promise<void> => {
    if (key.startsWith(POD_KEY)) {
      const pod = this.#pods.get(key.slice(POD_KEY.length));
      // One that is done needs no claim any more: what is made for it would be deleted at once.
      const isOver = pod === undefined || isPodDone(pod);
      if (!isOver && pod.metadata?.deletionTimestamp === undefined) await this.#syncPod(pod, pass);
      return;
    }
    const claim = this.#claims.get(key.slice(CLAIM_KEY.length));
    if (claim !== undefined) await this.#syncClaim(claim, pass);
  };

  async #syncPod(pod: Pod, { client }: Pass): Promise<void> {
    const known = pod.status?.resourceClaimStatuses ?? [];
    const names = new Map(known.map((each) => [each.name, each.resourceClaimName]));
    for (const claim of pod.spec?.resourceClaims ?? []) {
      try {
        const made = await this.#ensure(pod, claim, client);
        if (made !== undefined) names.set(claim.name, made);
      } catch (error) {
        const message = `PodResourceClaim ${claim.name}: ${messageOf(error)}`;
        const reason = 'FailedResourceClaimCreation';
        this.#setup.events.event({ about: pod, type: 'Warning', reason, message });
        throw error;
      }
    }
    if (known.length < names.size || known.some((each) => changed(each, names)))
      await writeNames(pod, names, client);
    if ((pod.spec?.nodeName ?? '') !== '') await this.#reserve(pod, client);
  }

  /** The name of a claim that the Pod's status does not know; undefined: nothing is new. */
  async #ensure(pod: Pod, claim: PodResourceClaim, client: Client): Promise<string | undefined> {
    const { namespace, uid = '' } = pod.metadata ?? {};
    const known = claimNameOf(pod, claim);
    if (known === 'none') return undefined;
    if (known !== 'missing') {
      const existing = this.#claims.get(keyFor(known.name, namespace));
      const isOthers = claim.resourceClaimName !== undefined;
      if (existing !== undefined && (isOthers || isFor(pod, existing))) return undefined;
    }
    const templateName = claim.resourceClaimTemplateName;
    if (templateName === undefined) return undefined;
    // It may have been made in a pass that did not come to write its name down.
    const orphan = this.#claims
      .byIndex(BY_OWNER, uid)
      .find(({ metadata }) => metadata?.annotations?.[POD_CLAIM] === claim.name);
    if (orphan !== undefined) return orphan.metadata?.name;
    const template = this.#templates.get(keyFor(templateName, namespace));
    if (template === undefined) {
      const missing = `resourceclaimtemplate.resource.k8s.io ${JSON.stringify(templateName)} not found`;
      throw new Error(`resource claim template ${JSON.stringify(templateName)}: ${missing}`);
    }
    const wanted = claimFrom(template, pod, claim.name);
    try {
      const made = await this.#metrics.creation(wanted, client.create(RESOURCE_CLAIM, wanted));
      return made.metadata?.name;
    } catch (error) {
      // Upstream's words have a place for the name, which there is none of yet.
      throw new Error(`create ResourceClaim : ${messageOf(error)}`, { cause: error });
    }
  }

  /** A Pod that no scheduler bound has had nobody to reserve its claims. */
  async #reserve(pod: Pod, client: Client): Promise<void> {
    const { name = '', namespace, uid = '' } = pod.metadata ?? {};
    for (const each of pod.spec?.resourceClaims ?? []) {
      const known = claimNameOf(pod, each);
      if (typeof known === 'string') continue;
      const claim = this.#claims.get(keyFor(known.name, namespace));
      if (claim === undefined || !isToReserve(pod, claim)) continue;
      if (each.resourceClaimName === undefined && !isFor(pod, claim)) continue;
      const reservedFor = [...(claim.status?.reservedFor ?? []), { resource: 'pods', name, uid }];
      const next = { ...claim, status: { ...claim.status, reservedFor } };
      await client.update(RESOURCE_CLAIM, next, 'status');
    }
  }

  async #syncClaim(claim: ResourceClaim, { client }: Pass): Promise<void> {
    const reserved = claim.status?.reservedFor ?? [];
    const remaining: ResourceClaimConsumerReference[] = [];
    for (const consumer of reserved) {
      if (await this.#uses(consumer, claim)) remaining.push(consumer);
    }
    const isProtected = claim.metadata?.finalizers?.includes(FINALIZER) === true;
    const isDeleted = claim.metadata?.deletionTimestamp !== undefined;
    if (remaining.length < reserved.length) {
      const isFree = remaining.length === 0 && isProtected;
      const next = await writeReservations(claim, remaining, { isFree, client });
      if (next.status?.allocation === undefined) await unprotect(next, client);
    } else if (isProtected && isDeleted && remaining.length === 0) {
      const isAllocated = claim.status?.allocation !== undefined;
      const next = isAllocated
        ? await writeReservations(claim, [], { isFree: true, client })
        : claim;
      await unprotect(next, client);
    }
    if (remaining.length === 0) await this.#deleteUnused(claim, client);
  }

  /** A Pod that is not in the cache may only not be there yet: then the server is asked. */
  async #uses(consumer: ResourceClaimConsumerReference, claim: ResourceClaim): Promise<boolean> {
    const { apiGroup = '', resource, name, uid } = consumer;
    // Who else may use claims is not known here.
    if (apiGroup !== '' || resource !== 'pods') return true;
    const namespace = claim.metadata?.namespace ?? '';
    const pod = this.#pods.get(keyFor(name, namespace));
    if (pod !== undefined) return pod.metadata?.uid === uid && !isPodDone(pod);
    try {
      const live = await this.#setup.client.get(POD, name, namespace);
      return live.metadata?.uid === uid;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** One that was made for a Pod which is done: the Pod itself may stay for long. */
  async #deleteUnused(claim: ResourceClaim, client: Client): Promise<void> {
    const { name = '', namespace = '' } = claim.metadata ?? {};
    const owner = controllerOf(claim);
    if (owner?.kind !== 'Pod' || owner.apiVersion !== 'v1') return;
    const pod = this.#pods.get(keyFor(owner.name, namespace));
    if (pod === undefined || (pod.metadata?.uid === owner.uid && !isPodDone(pod))) return;
    try {
      await client.delete(RESOURCE_CLAIM, { name, namespace });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function podChanged({ type, key, object }: Change<Pod>): string[] {
  const { namespace } = splitKey(key);
  const claims = claimNames(object).map((name) => CLAIM_KEY + keyFor(name, namespace));
  if ((object.spec?.resourceClaims ?? []).length === 0 && claims.length === 0) return [];
  if (type === 'deleted') return claims;
  return isPodDone(object) ? claims : [POD_KEY + key];
}

function changed(
  { name, resourceClaimName }: { readonly name: string; readonly resourceClaimName?: string },
  names: ReadonlyMap<string, string | undefined>,
): boolean {
  return names.get(name) !== resourceClaimName;
}

async function writeNames(
  { metadata }: Pod,
  names: ReadonlyMap<string, string | undefined>,
  client: Client,
): Promise<void> {
  const { name = '', namespace = '' } = metadata ?? {};
  const resourceClaimStatuses = [...names].map(([claim, resourceClaimName]) => ({
    name: claim,
    ...(resourceClaimName === undefined ? {} : { resourceClaimName }),
  }));
  const wanted = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    status: { resourceClaimStatuses },
  };
  const options = { subresource: 'status', fieldManager: FIELD_MANAGER, force: true };
  await client.patch(POD, { name, namespace }, 'apply', wanted, options);
}

/** `isFree`: nobody uses the devices any more. */
function writeReservations(
  claim: ResourceClaim,
  reservedFor: ResourceClaimConsumerReference[],
  { isFree, client }: { readonly isFree: boolean; readonly client: Client },
): Promise<ResourceClaim> {
  const { allocation, ...status } = claim.status ?? {};
  const kept = isFree || allocation === undefined ? status : { ...status, allocation };
  return client.update(RESOURCE_CLAIM, { ...claim, status: { ...kept, reservedFor } }, 'status');
}

async function unprotect(claim: ResourceClaim, client: Client): Promise<void> {
  const next = withoutFinalizer(claim, FINALIZER);
  if (next !== undefined) await client.update(RESOURCE_CLAIM, next);
}
