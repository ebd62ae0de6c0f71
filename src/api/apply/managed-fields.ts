/**
 * Who manages which field: `metadata.managedFields` on every write, and server-side apply.
 *
 * Source: KEP-555; upstream staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal for the
 * order of things and the messages; structured-merge-diff v6, merge/update.go for the semantics.
 *
 * Types: `object` is any API object as parsed JSON, decoded to the version of `type`.
 */
import type { Kind } from '../kind.ts';
import type { Json, JsonObject, KubeObject } from '../meta/object.ts';
import { badRequest, StatusError } from '../meta/status.ts';
import { isJsonObject } from '../patch/json.ts';
import type { TypeSchema } from '../schema/types.ts';
import { ApplyConflictError, type Conflict, conflictError } from './conflict.ts';
import { capUpdateManagers, decodeEntries, encodeEntries, type Entries, entryId, stripUnmanaged, setFields } from './entries.ts';
import { union } from './field-set.ts';
import { fieldsStillApplied, hasLastApplied, withLastApplied } from './last-applied.ts';
import { resetFilter } from './reset-fields.ts';
import { rootType } from './shape.ts';
import { applyConfiguration, ApplyConflicts, type ForeignVersions, recordUpdate, type Write } from './updater.ts';
import { errorsText, validateValue } from './validate.ts';
import { zeroObject } from './zero-object.ts';

export { ApplyConflictError };
export type { ForeignVersions };

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
  recordChanges(options, entries);
  const encoded = encodeEntries(entries);
  if (encoded !== undefined) metadata['managedFields'] = encoded;
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
  return isJsonObject(metadata) ? decodeEntries(metadata['managedFields'], true) : new Map();
}

/** The client's list when it is one; the stored one when it is missing, broken or not for it to set. */
function entriesForUpdate(live: JsonObject | undefined, given: Json | undefined, subresource: string): Entries {
  if (subresource === '') {
    if (isReset(given)) return new Map();
    const entries = entriesOrNone(() => decodeEntries(given, false));
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
  return given.length === 0 || (given.length === 1 && isJsonObject(first) && Object.keys(first).length === 0);
}

function recordChanges(options: FieldManagement & { readonly next: object }, entries: Entries): void {
  const { type, live, next, manager } = options;
  const gained = recordUpdate(writeOf(options, entries), (live ?? zeroObject(type)) as JsonObject, next as JsonObject);
  const own = gained === undefined ? undefined : stripUnmanaged(gained);
  if (own !== undefined && Object.keys(own).length > 0) {
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
  const { type, kind, live, manager } = options;
  const applied = options.applied as JsonObject;
  checkIdentity(applied, kind);
  checkFits(options);
  const stored = live as JsonObject | undefined;
  const entries = entriesForApply(options);
  const before = stored ?? {};
  const conflictsAllowed = { ...options, entries, live: before };
  const merged = applyOrUpgrade(conflictsAllowed, applied);
  const next: JsonObject = { ...merged.object };
  const metadata: JsonObject = isJsonObject(next['metadata']) ? { ...next['metadata'] } : {};
  next['metadata'] = metadata;
  const encoded = encodeEntries(merged.entries);
  delete metadata['managedFields'];
  if (encoded !== undefined) metadata['managedFields'] = encoded;
  if (manager.name === KUBECTL && hasLastApplied(next)) return withLastApplied(next, applied);
  return type === undefined ? before : next;
}

function checkIdentity(applied: JsonObject, kind: Kind<KubeObject>): void {
  const metadata = applied['metadata'];
  if (isJsonObject(metadata) && metadata['managedFields'] !== undefined && metadata['managedFields'] !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const wanted = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  if (applied['kind'] !== kind.kind || applied['apiVersion'] !== wanted) {
    throw badRequest(`invalid object type: ${gvkText(applied)}`);
  }
}
