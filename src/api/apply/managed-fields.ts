/**
 * Who manages which field: `metadata.managedFields` on every write, and server-side apply.
 *
 * Source: KEP-555; upstream staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal for the
 * order of things and the messages; structured-merge-diff v6, merge/update.go for the semantics.
 *
 * Types: `object` is any API object as parsed JSON, decoded to the version of `type`.
 */
import type { Kind } from '../kind.ts';
import {
  apiVersionOf,
  type Json,
  type JsonObject,
  type KubeObject,
  parseApiVersion,
} from '../meta/object.ts';
import { badRequest, StatusError } from '../meta/status.ts';
import { isJsonObject } from '../meta/json.ts';
import type { TypeSchema } from '../schema/types.ts';
import { UntypedValue } from './compare.ts';
import { ApplyConflictError, type Conflict } from './conflict.ts';
import {
  capUpdateManagers,
  decodeEntries,
  encodeEntries,
  type Entries,
  entryId,
  stripUnmanaged,
} from './entries.ts';
import { type FieldSet, hasPath, isEmptySet, union } from './field-set.ts';
import { firstFields } from './first-fields.ts';
import { fieldsStillApplied, hasLastApplied, withLastApplied } from './last-applied.ts';
import { resetFilter } from './reset-fields.ts';
import { rootType } from './shape.ts';
import {
  applyConfiguration,
  ApplyConflicts,
  ForeignConversionError,
  type ForeignVersion,
  type ForeignVersions,
  recordUpdate,
  type Write,
} from './updater.ts';
import { errorsText, validateValue } from './validate.ts';
import { zeroObject } from './zero-object.ts';

export { ApplyConflictError, ForeignConversionError };
export type { ForeignVersion, ForeignVersions };

export interface Manager {
  readonly name: string;
  /** The version of the request: `apps/v1`. */
  readonly apiVersion: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** Now: RFC 3339, whole seconds. */
  readonly timeText: string;
}

export interface FieldManagement {
  readonly type: TypeSchema;
  readonly kind: Kind<KubeObject>;
  /** The stored object; absent when there is none yet. */
  readonly live?: object;
  readonly manager: Manager;
  /** How objects look in versions other than `manager.apiVersion`, for managers that used them. */
  readonly versions?: ForeignVersions;
}

/** Owns what was there when an object without managed fields is first applied to. */
const BEFORE_FIRST_APPLY = 'before-first-apply';
/** The applier that takes over from its own client-side apply. */
const KUBECTL = 'kubectl';

/** Sets `next.metadata.managedFields` for a write that is no apply. Changes `next`, nothing else. */
export function updateManagedFields(options: FieldManagement & { readonly next: object }): void {
  const { live, next, manager } = options;
  const metadata = metadataOf(next as JsonObject);
  const given = metadata['managedFields'];
  delete metadata['managedFields'];
  const entries = entriesForUpdate(live as JsonObject | undefined, given, manager.subresource);
  // An object that nobody tracks stays so until it is applied to.
  if (live !== undefined && entries.size === 0) return;
  try {
    // Of custom objects that do not fit their type nobody can say who owns what.
    if (options.kind.custom !== undefined && !fitsTypes(options, entries)) return;
    recordChanges(options, entries);
  } catch (error) {
    // What does not fit its type, or cannot be converted, cannot be tracked; the write goes on.
    if (error instanceof UntypedValue || error instanceof ForeignConversionError) return;
    throw error;
  }
  const encoded = encodeEntries(entries);
  if (encoded !== undefined) metadata['managedFields'] = encoded;
}

/** Whether the object, as it was and as it will be, fits every version that a manager has used. */
function fitsTypes(
  { type, live, next, manager, versions }: FieldManagement & { readonly next: object },
  entries: Entries,
): boolean {
  const objects = (live === undefined ? [next] : [next, live]) as JsonObject[];
  const fits = (one: TypeSchema, object: JsonObject): boolean =>
    validateValue(rootType(one), object, { allowDuplicates: true }).length === 0;
  if (!objects.every((object) => fits(type, object))) return false;
  const used = new Set([...entries.values()].map(({ apiVersion }) => apiVersion));
  used.delete(manager.apiVersion);
  return [...used].every((apiVersion) => {
    const foreign = versions?.(apiVersion);
    return (
      foreign === undefined ||
      objects.every((object) => fits(foreign.type, foreign.toForeign(object)))
    );
  });
}

function metadataOf(object: JsonObject): JsonObject {
  const { metadata } = object;
  if (isJsonObject(metadata)) return metadata;
  const made: JsonObject = {};
  object['metadata'] = made;
  return made;
}

function storedEntries(object: JsonObject | undefined): Entries {
  const metadata = object?.['metadata'];
  return isJsonObject(metadata) ? decodeEntries(metadata['managedFields']) : new Map();
}

/** The client's list when it is one; the stored one when it is missing, broken or not for it to set. */
function entriesForUpdate(
  live: JsonObject | undefined,
  given: Json | undefined,
  subresource: string,
): Entries {
  if (subresource === '') {
    if (isReset(given)) return new Map();
    const entries = entriesOrNone(() => decodeEntries(given));
    if (entries.size > 0) return entries;
  }
  return entriesOrNone(() => storedEntries(live));
}

function entriesOrNone(decode: () => Entries): Entries {
  try {
    return decode();
  } catch {
    return new Map();
  }
}

/** `[]` or `[{}]`: the client wants the managers forgotten. */
function isReset(given: Json | undefined): boolean {
  if (!Array.isArray(given)) return false;
  const [first] = given;
  return (
    given.length === 0 ||
    (given.length === 1 && isJsonObject(first) && Object.keys(first).length === 0)
  );
}

function recordChanges(
  options: FieldManagement & { readonly next: object },
  entries: Entries,
): void {
  const { manager } = options;
  const own = gainedFields(options, entries);
  if (!isEmptySet(own)) {
    const identity = {
      manager: manager.name === '' ? 'unknown' : manager.name,
      operation: 'Update',
      apiVersion: manager.apiVersion,
      subresource: manager.subresource,
    } as const;
    const id = entryId(identity);
    const before = entries.get(id);
    entries.set(id, {
      ...identity,
      time: manager.timeText,
      fields: before === undefined ? own : union(own, before.fields),
    });
  }
  capUpdateManagers(entries);
}

/** What the writer of `next` comes to own; others lose that in `entries`. */
function gainedFields(
  options: FieldManagement & { readonly next: object },
  entries: Entries,
): FieldSet {
  const { type, kind, live, manager } = options;
  const object = options.next as JsonObject;
  const write = writeOf(options, entries);
  const gain = (before: JsonObject): FieldSet =>
    stripUnmanaged(recordUpdate(write, before, object));
  if (live !== undefined) return gain(live as JsonObject);
  const zero = zeroObject(type);
  if (entries.size > 0) return gain(zero);
  const way = `${kind.hasStatus === true}/${manager.subresource}:`;
  return firstFields({ type: write.type, zero, object, way }, () => gain(zero));
}

function writeOf({ type, kind, manager, versions }: FieldManagement, entries: Entries): Write {
  return {
    type: rootType(type),
    apiVersion: manager.apiVersion,
    filter: resetFilter(kind, manager.subresource),
    entries,
    ...(versions === undefined ? {} : { versions }),
  };
}

export interface ApplyOptions extends FieldManagement {
  /** The configuration, as the client sent it. */
  readonly applied: object;
  /** Takes fields from other managers instead of failing. */
  readonly force: boolean;
}

/**
 * The live object with the configuration applied, managed fields included: a new object, to be
 * decoded and defaulted as any other. Changes none of its arguments.
 *
 * Throws ApplyConflictError, or a StatusError for a configuration that does not fit the type.
 */
export function applyPatch(options: ApplyOptions): object {
  const { kind, live, manager } = options;
  const applied = options.applied as JsonObject;
  checkIdentity(applied, kind);
  checkFits(options);
  const stored = live as JsonObject | undefined;
  checkLiveFits(options);
  const entries = refusingMisfits(options, () => entriesForApply(options));
  const next = refusingMisfits(options, () => applyOrTakeOver(options, stored ?? {}, entries));
  const metadata: JsonObject = isJsonObject(next['metadata']) ? { ...next['metadata'] } : {};
  delete metadata['managedFields'];
  const encoded = encodeEntries(entries);
  if (encoded !== undefined) metadata['managedFields'] = encoded;
  const result = { ...next, metadata };
  return manager.name === KUBECTL && hasLastApplied(result)
    ? withLastApplied(result, applied)
    : result;
}

function checkIdentity(applied: JsonObject, kind: Kind<KubeObject>): void {
  const metadata = applied['metadata'];
  if (
    isJsonObject(metadata) &&
    metadata['managedFields'] !== undefined &&
    metadata['managedFields'] !== null
  ) {
    throw badRequest('metadata.managedFields must be nil');
  }
  if (applied['kind'] !== kind.kind || applied['apiVersion'] !== apiVersionOf(kind)) {
    throw badRequest(`invalid object type: ${kindText(applied)}`);
  }
}

/** As Go prints a GroupVersionKind: `apps/v1, Kind=Deployment`, `/v1, Kind=Pod`. */
function kindText({ apiVersion, kind }: JsonObject): string {
  const { group, version } = parseApiVersion(textOf(apiVersion));
  return `${group}/${version}, Kind=${textOf(kind)}`;
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function checkFits({ type, applied }: ApplyOptions): void {
  const object = applied as JsonObject;
  const errors = validateValue(rootType(type), object);
  if (errors.length > 0) throw misfit('patch', object, errorsText(errors));
}

/** Custom objects were stored under other schemas, too. */
function checkLiveFits({ type, kind, live }: ApplyOptions): void {
  if (kind.custom === undefined || live === undefined) return;
  const object = live as JsonObject;
  const errors = validateValue(rootType(type), object, { allowDuplicates: true });
  if (errors.length > 0) throw misfit('live', object, errorsText(errors));
}

/** A stored object may hold what does not fit its type: an element of a list without its key. */
function refusingMisfits<T>({ type, live }: ApplyOptions, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UntypedValue)) throw error;
    const object = (live ?? {}) as JsonObject;
    const errors = validateValue(rootType(type), object, { allowDuplicates: true });
    throw misfit('live', object, errors.length > 0 ? errorsText(errors) : error.message);
  }
}

function misfit(which: 'patch' | 'live', object: JsonObject, detail: string): StatusError {
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {};
  const name = `${textOf(metadata['namespace'])}/${textOf(metadata['name'])}`;
  return new StatusError({
    code: 500,
    message: `failed to create typed ${which} object (${name}; ${kindText(object)}): ${detail}`,
  });
}

/** The stored managers; for an object that has none, one that owns all there is. */
function entriesForApply(options: ApplyOptions): Entries {
  const live = options.live as JsonObject | undefined;
  const entries = storedEntries(live);
  if (live === undefined || entries.size > 0) return entries;
  const { live: _, ...rest } = options;
  recordChanges(
    { ...rest, next: live, manager: { ...options.manager, name: BEFORE_FIRST_APPLY } },
    entries,
  );
  return entries;
}

/** Applies; `kubectl` may take what it owned by its own client-side apply. Changes `entries`. */
function applyOrTakeOver(options: ApplyOptions, live: JsonObject, entries: Entries): JsonObject {
  const before = new Map(entries);
  try {
    return applyOnce(options, live, entries);
  } catch (error) {
    if (!(error instanceof ApplyConflicts)) throw error;
    const conflicts = conflictsLeft(options, live, error.conflicts);
    if (conflicts.length > 0) throw new ApplyConflictError(conflicts);
    entries.clear();
    for (const [id, entry] of before) entries.set(id, entry);
    return applyOnce({ ...options, force: true }, live, entries);
  }
}

function conflictsLeft(
  options: ApplyOptions,
  live: JsonObject,
  conflicts: readonly Conflict[],
): readonly Conflict[] {
  const { type, manager } = options;
  if (manager.name !== KUBECTL) return conflicts;
  const allowed = fieldsStillApplied(rootType(type), live, manager.apiVersion);
  return allowed === undefined
    ? conflicts
    : conflicts.filter(({ path }) => !hasPath(allowed, path));
}

function applyOnce(options: ApplyOptions, live: JsonObject, entries: Entries): JsonObject {
  const { manager, applied, force } = options;
  const { name, apiVersion, subresource, timeText } = manager;
  return applyConfiguration(writeOf(options, entries), {
    applier: {
      manager: name === '' ? 'unknown' : name,
      operation: 'Apply',
      apiVersion,
      subresource,
    },
    live,
    applied: applied as JsonObject,
    force,
    timeText,
  });
}
