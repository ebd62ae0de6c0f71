/**
 * What was charged for writes that are still on their way into the store. By it a write that is
 * tried again is charged once, and a recount that cannot know of them takes nothing from under them.
 */
import type { ResourceQuota } from '#api/gen/core-v1.ts';
import { addResources, type ResourceList } from '#api/core/resources.ts';
import type { Attributes, ObjectReader } from '../admission.ts';

/** Of one request. There are never more of them than writes in flight. */
interface Account {
  /** Of the try that was charged last. */
  attributes: Attributes;
  /** By the uid of the quota. */
  readonly charged: Map<string, ResourceList>;
}

export class ChargeLedger {
  readonly #accounts = new Map<object, Account>();

  note(attributes: Attributes, quota: ResourceQuota, amounts: ResourceList): void {
    const { request } = attributes;
    const account = this.#accounts.get(request) ?? { attributes, charged: new Map() };
    this.#accounts.set(request, account);
    account.attributes = attributes;
    const uid = quota.metadata?.uid ?? '';
    account.charged.set(uid, addResources(account.charged.get(uid) ?? {}, amounts));
  }

  /** What the request has been charged, by the uid of the quota. */
  chargedTo(request: object): ReadonlyMap<string, ResourceList> | undefined {
    return this.#accounts.get(request)?.charged;
  }

  /** The write is in the store, or never will be. */
  close(request: object): void {
    this.#accounts.delete(request);
  }

  /** What was charged to the quota for what the caches do not show yet. */
  pending(quota: ResourceQuota, reader: ObjectReader): ResourceList {
    let sum: ResourceList = {};
    for (const { attributes, charged } of this.#accounts.values()) {
      const amounts = charged.get(quota.metadata?.uid ?? '');
      if (amounts !== undefined && !isShown(attributes, reader)) sum = addResources(sum, amounts);
    }
    return sum;
  }
}

function isShown({ kind, namespace, object, old }: Attributes, reader: ObjectReader): boolean {
  const revision = reader.revisionOf(kind, namespace, object?.metadata?.name ?? '');
  const before = old?.metadata?.resourceVersion;
  return before === undefined
    ? revision !== undefined
    : revision !== undefined && String(revision) !== before;
}
