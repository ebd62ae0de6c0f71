/** UPDATE and PATCH. Upstream: registry/rest/update.go and generic/registry/store.go (Update). */
import { type Eventual, whenThere } from '#base/eventual.ts';
import { statusKeepsMetadata } from '#api/apply/reset-fields.ts';
import { changesNothing } from '#api/apply/no-change.ts';
import { type FieldError, fieldPath, invalidValue } from '#api/meta/field.ts';
import { dropGatedFields } from '#api/meta/gated-fields.ts';
import { conflict, invalid, notFound, OBJECT_MODIFIED, plainError } from '#api/meta/status.ts';
import { validateObjectMetaUpdate } from '#api/validation/metadata.ts';
import { type ApiObject, metadataOf } from '../api-object.ts';
import type { Entry } from '../watch-cache/entry.ts';
import type { Taken } from './allocators.ts';
import { createOnce } from './create.ts';
import { namespaceLabelErrors } from './namespace-labels.ts';
import type { UpdateOptions } from './options.ts';
import { permissionErrors } from './permissions.ts';
import type { Resource } from './resource.ts';
import {
  checkNamespace,
  countsGeneration,
  isHeldByFinalizers,
  keepAllBut,
  keepFields,
  specChanged,
} from './rules.ts';
import { currentEntry, refuse, type StoreAccess } from './store-access.ts';

/** How often a write is redone when others write the same object meanwhile. */
export const CONFLICT_TRIES = 64;

/** Answers the new object, and whether it was created. */
export async function updateObject(
  store: StoreAccess,
  resource: Resource,
  options: UpdateOptions,
): Promise<{ object: ApiObject; created: boolean }> {
  const key = resource.key(options.namespace, options.name);
  let entry = resource.cache.get(key);
  let fresh = false;
  for (let tries = 0; tries < CONFLICT_TRIES; tries++) {
    if (entry === undefined && !fresh) {
      await store.catchUp(options.storeTook);
      entry = resource.cache.get(key);
      fresh = true;
    }
    if (entry === undefined) {
      const created = await createByUpdate(store, resource, options);
      if (created !== undefined) return { object: created, created: true };
      fresh = false;
      continue;
    }
    const outcome = await updateOnce(store, resource, { entry, fresh }, options);
    if (outcome.object !== undefined) return { object: outcome.object, created: false };
    entry = outcome.current;
    fresh = true;
  }
  throw conflict(resource.groupResource, options.name, OBJECT_MODIFIED);
}

async function createByUpdate(
  store: StoreAccess,
  resource: Resource,
  options: UpdateOptions,
): Promise<ApiObject | undefined> {
  const allowed = options.createIfMissing === true || resource.kind.createOnUpdate === true;
  if (!allowed || options.subresource !== '') throw notFound(resource.groupResource, options.name);
  const object = await options.transform(undefined);
  if (options.namesUid === true) checkUid(resource, options, object, {});
  // Nobody has promised that it is there in a version.
  delete metadataOf(object).resourceVersion;
  return createOnce(store, resource, object, {
    ...options,
    validate: async (created) => options.validate?.(created, undefined),
  });
}

/** The object as written, or what is there instead of `entry` (undefined: nothing). */
interface Outcome {
  readonly object?: ApiObject;
  /** It is in the store now. */
  readonly isWritten?: boolean;
  readonly current?: Entry | undefined;
}

/** `fresh`: the entry is the newest there is, not only the newest the cache has seen. */
async function updateOnce(
  store: StoreAccess,
  resource: Resource,
  { entry, fresh }: { readonly entry: Entry; readonly fresh: boolean },
  options: UpdateOptions,
): Promise<Outcome> {
  await resource.ready([entry]);
  // Shared with whoever has it already: what comes next is made beside it.
  const old = resource.readOnce(entry);
  let next: ApiObject;
  let taken: Taken | undefined;
  try {
    next = await options.transform(old);
    if (options.namesUid === true) checkUid(resource, options, next, old);
    checkVersion(resource, options, next, entry);
    // A view (status) takes nothing, whatever the rest of its object says.
    if (options.subresource === '' && options.direct !== true)
      taken = await store.allocator(resource)?.begin({ next, old, dryRun: options.dryRun });
  } catch (error) {
    // What was decided on an old state is decided again on the newest one.
    if (fresh) throw error;
    await store.catchUp(options.storeTook);
    const current = resource.cache.get(entry.key);
    if (current?.revision === entry.revision) throw error;
    return { current };
  }
  if (taken === undefined) return putOrRemove(store, resource, { entry, next, old }, options);
  let isWritten = false;
  try {
    const outcome = await putOrRemove(store, resource, { entry, next, old }, options);
    isWritten = outcome.isWritten === true;
    return outcome;
  } finally {
    await (isWritten ? taken.commit() : taken.revert());
  }
}

async function putOrRemove(
  store: StoreAccess,
  resource: Resource,
  write: { readonly entry: Entry; readonly next: ApiObject; readonly old: ApiObject },
  options: UpdateOptions,
): Promise<Outcome> {
  const { entry, next, old } = write;
  if (options.direct !== true) {
    const prepared = prepare(store, resource, { next, old }, options);
    if (prepared instanceof Promise) await prepared;
  }
  await options.validate?.(next, old);
  metadataOf(next).resourceVersion = String(entry.revision);
  if (isFinished(resource, next, old)) {
    if (options.dryRun) return { object: next };
    const result = await store.remove(entry, options);
    if (!result.ok) return { current: currentEntry(result) };
    await store.allocator(resource)?.afterDelete(old);
    return { object: next };
  }
  // A write that changes nothing still moves an object to the version that is stored now.
  if (
    changesNothing(old, next) &&
    (options.dryRun || (await store.isStoredAs(resource, entry, old)))
  )
    return { object: old };
  if (options.dryRun) return { object: next };
  const at = { key: entry.key, expected: entry.revision };
  const result = await store.put(resource, at, next, options);
  if (!result.ok) return { current: currentEntry(result) };
  metadataOf(next).resourceVersion = String(result.revision);
  return { object: next, isWritten: true };
}

/** An update that names a uid is of that object alone. */
function checkUid(
  resource: Resource,
  options: UpdateOptions,
  next: ApiObject,
  old: ApiObject,
): void {
  const asked = metadataOf(next).uid ?? '';
  const { uid = '' } = metadataOf(old);
  if (asked === '' || asked === uid) return;
  const stored = resource.key(options.namespace, options.name);
  // A dry run of upstream's does not come as far as the store, whose keys have a prefix.
  const key = options.dryRun ? stored.replace(/^\/registry/, '') : stored;
  throw conflict(
    resource.groupResource,
    options.name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${asked}, UID in object meta: ${uid}`,
  );
}

function checkVersion(
  resource: Resource,
  options: UpdateOptions,
  next: ApiObject,
  entry: Entry,
): void {
  const version = metadataOf(next).resourceVersion ?? '';
  if (version === '' || version === '0') {
    if (resource.kind.unconditionalUpdate === true) return;
    const at = fieldPath('metadata').child('resourceVersion');
    // Upstream names the resource where the kind stands elsewhere, and a number.
    const { group, resource: kind } = resource.groupResource;
    throw invalid({ group, kind }, options.name, [
      invalidValue(at, 0, 'must be specified for an update'),
    ]);
  }
  if (!/^\d+$/.test(version))
    throw plainError(`strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`);
  if (version !== String(entry.revision))
    throw conflict(resource.groupResource, options.name, OBJECT_MODIFIED);
}

/** What the client cannot change stays; the strategy of the kind or view; validation. */
function prepare(
  store: StoreAccess,
  resource: Resource,
  { next, old }: { readonly next: ApiObject; readonly old: ApiObject },
  options: UpdateOptions,
): Eventual<void> {
  const { kind } = resource;
  checkNamespace(resource, next, options.namespace);
  const metadata = metadataOf(next);
  const before = metadataOf(old);
  keepFields(metadata, before, ['generation', 'creationTimestamp']);
  // A deletion that has begun stays; one that has not cannot be asked for so (validation says it).
  if (before.deletionTimestamp !== undefined) keepFields(metadata, before, ['deletionTimestamp']);
  if (metadata.deletionGracePeriodSeconds === undefined)
    keepFields(metadata, before, ['deletionGracePeriodSeconds']);
  if (metadata.uid === undefined || metadata.uid === '') keepFields(metadata, before, ['uid']);
  return whenThere(strategyErrors(store, resource, { next, old }, options), (errors) => {
    const counts = options.subresource !== 'status' && countsGeneration(resource, next);
    // A view may have given it another metadata.
    if (counts && specChanged(resource, next, old))
      metadataOf(next).generation = (before.generation ?? 0) + 1;
    refuse(resource, next, [...validateObjectMetaUpdate(kind, next, old), ...errors]);
    // A scale is the object itself, seen otherwise; writes of parts are not warned of.
    if (options.subresource !== '' && options.subresource !== 'scale') return;
    for (const text of kind.warn?.(next, old) ?? []) options.warn(text);
  });
}

/** Changes `next` as the kind or view has it; answers what is wrong with it beside its metadata. */
function strategyErrors(
  store: StoreAccess,
  resource: Resource,
  { next, old }: { readonly next: ApiObject; readonly old: ApiObject },
  options: UpdateOptions,
): Eventual<FieldError[]> {
  const { kind } = resource;
  const { namespace } = options;
  const context = store.writeContext(options);
  const metadata = metadataOf(next);
  const before = metadataOf(old);
  const warn = (text: string): void => options.warn(text);
  const view = kind.views?.find((candidate) => candidate.name === options.subresource);
  if (options.subresource === 'status') {
    keepAllBut(next, old, 'status');
    if (statusKeepsMetadata(kind))
      keepFields(metadata, before, ['labels', 'annotations', 'finalizers', 'ownerReferences']);
    kind.prepareForStatusUpdate?.(next, old, context);
    return whenThere(permissionErrors(resource, { next, old }, options), (refused) => [
      ...namespaceLabelErrors(store, resource, { next, old, namespace }),
      ...refused,
      ...(kind.validateStatus?.(next, old, context) ?? []),
    ]);
  }
  if (view !== undefined) {
    view.keep(next, old, context);
    return view.validate?.(next, old) ?? [];
  }
  if (kind.hasStatus === true) keepFields(next, old, ['status']);
  // Fields that a gate hides count in the generation of kinds that say so.
  if (kind.countsGatedFields === true && specChanged(resource, next, old))
    metadata.generation = (before.generation ?? 0) + 1;
  dropGatedFields(kind.gatedFields ?? [], next, old);
  kind.prepareForUpdate?.(next, old, context);
  const whole = kind.validate?.(next) ?? [];
  const changes = kind.validateUpdate?.(next, old, warn) ?? [];
  return kind.tellsChangesFirst === true ? [...changes, ...whole] : [...whole, ...changes];
}

/** Nothing holds the object any more, and it is being deleted. */
function isFinished(resource: Resource, next: ApiObject, old: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = metadataOf(old);
  const isOver = deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0;
  return isOver && !isHeldByFinalizers(resource, next);
}
