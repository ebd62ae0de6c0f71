/**
 * DELETE: graceful deletion, finalizers, propagation, preconditions.
 *
 * Upstream: registry/rest/delete.go and generic/registry/store.go (Delete, deletionFinalizersForGarbageCollection).
 */
import { equalJson } from '#api/meta/equal.ts';
import { conflict, notFound, OBJECT_MODIFIED } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { type ApiObject, copyOf, metadataOf } from '../api-object.ts';
import type { DeleteOptions } from './options.ts';
import type { Resource } from './resource.ts';
import { beginOwnDeletion, checkOwnPreconditions } from './own-finalizer.ts';
import { isHeldByFinalizers } from './rules.ts';
import { currentEntry, type StoreAccess } from './store-access.ts';
import { CONFLICT_TRIES } from './update.ts';

/** Deletes, or begins to. `deleted` is false while grace or finalizers hold the object. */
export async function deleteObject(
  store: StoreAccess,
  resource: Resource,
  options: DeleteOptions,
): Promise<{ object: ApiObject; deleted: boolean }> {
  const { namespace, name, storeTook } = options;
  let entry = await store.entry(resource, namespace, name, storeTook);
  for (let tries = 0; tries < CONFLICT_TRIES; tries++) {
    await resource.ready([entry]);
    const old = resource.copy(entry);
    checkPreconditions(resource, old, options);
    await options.validate?.(old);
    const next = copyOf(old);
    const plan = planDeletion(resource, next, options, store.environment.clock.now());
    if (plan === 'pending') return { object: old, deleted: false };
    if (options.dryRun) return { object: next, deleted: plan === 'remove' };
    if (plan === 'update' && equalJson(next, old)) return { object: old, deleted: false };
    const result =
      plan === 'remove'
        ? await store.remove(entry, options)
        : await store.put(resource, { key: entry.key, expected: entry.revision }, next, options);
    if (result.ok) {
      if (plan === 'remove') await store.allocator(resource)?.afterDelete(old);
      if (plan !== 'remove') metadataOf(next).resourceVersion = String(result.revision);
      // Of a kind that can go gracefully upstream notes the deletion even when it takes no time.
      const goesAsItWas = plan === 'remove' && resource.kind.gracefulDeletion === undefined;
      return { object: goesAsItWas ? old : next, deleted: plan === 'remove' };
    }
    const current = currentEntry(result);
    if (current === undefined) throw notFound(resource.groupResource, options.name);
    entry = current;
  }
  throw conflict(resource.groupResource, options.name, OBJECT_MODIFIED);
}

function checkPreconditions(resource: Resource, object: ApiObject, options: DeleteOptions): void {
  const { kind } = resource;
  if (kind.deletionFinalizer !== undefined || kind.ownFinalizers !== undefined)
    return checkOwnPreconditions(resource, object, options);
  const { uid, resourceVersion } = options.preconditions ?? {};
  const metadata = metadataOf(object);
  // Upstream names the kind here, not the resource.
  const named = { group: preconditionGroup(resource), resource: resource.kind.kind };
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      named,
      options.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid ?? ''}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      named,
      options.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion ?? ''}). The object might have been modified`,
    );
  }
}

/** Both kinds of events are one in upstream's server, and that is of the core group. */
function preconditionGroup({ kind }: Resource): string {
  return kind.group === 'events.k8s.io' ? '' : kind.group;
}

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/** Which garbage-collection finalizer a deletion leaves on the object, if any. */
function collectorFinalizer(
  resource: Resource,
  object: ApiObject,
  options: DeleteOptions,
): string | undefined {
  if (resource.kind.hasNoDependents === true) return undefined;
  if (options.orphanDependents !== undefined) return options.orphanDependents ? ORPHAN : undefined;
  if (options.propagationPolicy === 'Orphan') return ORPHAN;
  if (options.propagationPolicy === 'Foreground') return FOREGROUND;
  if (options.propagationPolicy === 'Background') return undefined;
  const present = (metadataOf(object).finalizers ?? []).find(
    (name) => name === ORPHAN || name === FOREGROUND,
  );
  return present ?? (resource.kind.defaultPropagation === 'Orphan' ? ORPHAN : undefined);
}

/**
 * What a DELETE does to `object` (which it changes):
 * - `pending`: it is being deleted already and nothing changes;
 * - `update`: grace or finalizers hold it: write the object with its deletion timestamp;
 * - `remove`: it goes away at once.
 */
function planDeletion(
  resource: Resource,
  object: ApiObject,
  options: DeleteOptions,
  nowMs: number,
): 'pending' | 'update' | 'remove' {
  if (beginOwnDeletion(resource, object, nowMs)) return 'update';
  const metadata = metadataOf(object);
  const asked =
    options.gracePeriodSeconds === undefined
      ? undefined
      : options.gracePeriodSeconds < 0
        ? 1
        : options.gracePeriodSeconds;
  const graceful = planGrace(resource, object, asked, nowMs);
  if (graceful === 'pending') return 'pending';
  const finalizer = collectorFinalizer(resource, object, options);
  const others = (metadata.finalizers ?? []).filter(
    (name) => name !== ORPHAN && name !== FOREGROUND,
  );
  const finalizers = finalizer === undefined ? others : [...others, finalizer];
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  const held = isHeldByFinalizers(resource, object);
  if (graceful === 'begun') return 'update';
  if (!held) return 'remove';
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = timeText(nowMs);
    if (metadata.generation !== undefined && metadata.generation > 0) metadata.generation += 1;
    resource.kind.prepareForDeletion?.(object);
  }
  // What is held by finalizers of its kind (a namespace) never has a grace period.
  if (resource.kind.ownFinalizers === undefined) metadata.deletionGracePeriodSeconds = 0;
  return 'update';
}

function planGrace(
  resource: Resource,
  object: ApiObject,
  asked: number | undefined,
  nowMs: number,
): 'pending' | 'begun' | 'none' {
  const metadata = metadataOf(object);
  if (resource.kind.gracefulDeletion === undefined) return 'none';
  if (metadata.deletionTimestamp !== undefined) {
    const running = metadata.deletionGracePeriodSeconds ?? 0;
    if (running === 0) return 'none';
    if (asked === undefined || asked >= running) return 'pending';
    if (asked === 0) {
      metadata.deletionTimestamp = timeText(nowMs);
      metadata.deletionGracePeriodSeconds = 0;
      return 'none';
    }
    const moved = Date.parse(metadata.deletionTimestamp) - running * 1000 + asked * 1000;
    metadata.deletionTimestamp = timeText(Math.max(moved, nowMs));
    metadata.deletionGracePeriodSeconds = moved < nowMs ? 1 : asked;
    return 'begun';
  }
  const grace = resource.kind.gracefulDeletion(object, asked);
  if (grace === undefined) return 'none';
  metadata.deletionTimestamp = timeText(nowMs + grace * 1000);
  metadata.deletionGracePeriodSeconds = grace;
  if (metadata.generation !== undefined && metadata.generation > 0) metadata.generation += 1;
  return grace === 0 ? 'none' : 'begun';
}
