/**
 * The generic registry: create, update and delete of any kind, in upstream's fixed order.
 *
 * prepare → validate → (validating admission) → store, with optimistic retries. What differs
 * between kinds is data (`api/kind.ts`); what differs between verbs is the function that makes the
 * next object from the current one. Each verb is a file: `create.ts`, `update.ts`, `delete.ts`.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go and
 * pkg/registry/rest/{create,update,delete}.go.
 */
import type { ApiObject } from '../api-object.ts';
import type { Entry } from '../watch-cache/entry.ts';
import type { WatchHub } from '../watch-cache/hub.ts';
import { createObject } from './create.ts';
import { deleteObject } from './delete.ts';
import type { CreateOptions, DeleteOptions, UpdateOptions } from './options.ts';
import type { Resource } from './resource.ts';
import { StoreAccess } from './store-access.ts';
import { updateObject } from './update.ts';

export class Registry {
  readonly hub: WatchHub;
  readonly #store: StoreAccess;

  constructor(options: ConstructorParameters<typeof StoreAccess>[0]) {
    this.hub = options.hub;
    this.#store = new StoreAccess(options);
  }

  /** The current object's entry, as of now. Throws 404. */
  entry(resource: Resource, namespace: string, name: string): Promise<Entry> {
    return this.#store.entry(resource, namespace, name);
  }

  create(resource: Resource, object: ApiObject, options: CreateOptions): Promise<ApiObject> {
    return createObject(this.#store, resource, object, options);
  }

  /** Answers the new object, and whether it was created. */
  update(
    resource: Resource,
    options: UpdateOptions,
  ): Promise<{ object: ApiObject; created: boolean }> {
    return updateObject(this.#store, resource, options);
  }

  /** Deletes, or begins to. `deleted` is false while grace or finalizers hold the object. */
  delete(
    resource: Resource,
    options: DeleteOptions,
  ): Promise<{ object: ApiObject; deleted: boolean }> {
    return deleteObject(this.#store, resource, options);
  }
}
