/**
 * The semantics of field management: what a write takes from whom, and what an apply removes.
 *
 * Source: structured-merge-diff v6, merge/update.go.
 */
import { type JsonObject, parseApiVersion } from '../meta/object.ts';
import { equalJson } from '../meta/equal.ts';
import { isJsonObject } from '../meta/json.ts';
import type { FieldType, TypeSchema } from '../schema/types.ts';
import { type Comparison, compare, without } from './compare.ts';
import type { Conflict } from './conflict.ts';
import { type Entries, entryId, type ManagerEntry, setFields, stripUnmanaged } from './entries.ts';
import {
  difference,
  type FieldSet,
  intersection,
  isEmptySet,
  LEAF,
  pathsOf,
  union,
} from './field-set.ts';
import { removeItems } from './remove.ts';
import type { FieldFilter } from './reset-fields.ts';
import { rootType } from './shape.ts';
import { reconcileShared } from './shared-sets.ts';
import { mergeValues } from './merge.ts';
import { toFieldSet, withNamedFields } from './to-set.ts';

/** How objects look in another version of their kind. Conversions change nothing of their argument. */
export interface ForeignVersion {
  readonly type: TypeSchema;
  toForeign(object: JsonObject): JsonObject;
  fromForeign(object: JsonObject): JsonObject;
}

/** An object cannot be shown in another version; the message says which, and why. */
export class ForeignConversionError extends Error {
  override readonly name = 'ForeignConversionError';
}

/** Undefined for a version that is served no more: its managers are forgotten. */
export type ForeignVersions = (apiVersion: string) => ForeignVersion | undefined;

/** A write and the managers as they are; `entries` is changed by the functions below. */
export interface Write {
  readonly type: FieldType;
  readonly apiVersion: string;
  readonly filter: FieldFilter;
  readonly entries: Entries;
  readonly versions?: ForeignVersions;
}

/** Thrown by `applyConfiguration` before anything is changed for good. */
export class ApplyConflicts extends Error {
  readonly conflicts: readonly Conflict[];
  constructor(conflicts: readonly Conflict[]) {
    super(`Apply failed with ${conflicts.length} conflicts`);
    this.name = 'ApplyConflicts';
    this.conflicts = conflicts;
  }
}

/** How objects look to a manager that wrote `apiVersion`. */
interface View {
  readonly type: FieldType;
  see(object: JsonObject): JsonObject;
  back(object: JsonObject): JsonObject;
}

function viewOf(write: Write, apiVersion: string): View | undefined {
  const same: View = { type: write.type, see: (object) => object, back: (object) => object };
  if (apiVersion === write.apiVersion) return same;
  if (write.versions !== undefined) {
    const foreign = write.versions(apiVersion);
    return (
      foreign && {
        type: rootType(foreign.type),
        see: (object) => foreign.toForeign(object),
        back: (object) => foreign.fromForeign(object),
      }
    );
  }
  // Without conversions, versions of one group are taken to name their fields alike.
  return parseApiVersion(apiVersion).group === parseApiVersion(write.apiVersion).group
    ? same
    : undefined;
}

/** An object in the version that it is of. */
interface Versioned {
  readonly apiVersion: string;
  readonly object: JsonObject;
}

/** The same in another version, by way of the one of the request; undefined where that is no more. */
function inVersion(
  write: Write,
  { apiVersion, object }: Versioned,
  wanted: string,
  failure = '',
): Versioned | undefined {
  if (apiVersion === wanted) return { apiVersion, object };
  const from = viewOf(write, apiVersion);
  const to = viewOf(write, wanted);
  if (from === undefined || to === undefined) return undefined;
  try {
    return { apiVersion: wanted, object: to.see(from.back(object)) };
  } catch (error) {
    if (!(error instanceof ForeignConversionError)) throw error;
    throw new ForeignConversionError(failure + error.message);
  }
}

/** What the writer gains by changing `live` to `next`; others lose what changed or went. */
export function recordUpdate(write: Write, live: JsonObject, next: JsonObject): FieldSet {
  reconcileEntries(write, live);
  const { changed } = othersLose(write, { live, next });
  return changed;
}

/** Throws where a manager cannot see `live`: a write that goes on could not tell what it takes. */
function reconcileEntries(write: Write, live: JsonObject): void {
  for (const [id, entry] of write.entries) {
    const view = viewOf(write, entry.apiVersion);
    view?.see(live);
    if (view === undefined) write.entries.delete(id);
    else setFields(write.entries, id, reconcileShared(view.type, entry.fields));
  }
}

interface Change {
  readonly live: JsonObject;
  readonly next: JsonObject;
  /** The entry of the applier, whose own fields are no conflict; and whether it may take others'. */
  readonly applier?: { readonly id: string; readonly force: boolean };
}

function othersLose(write: Write, { live, next, applier }: Change): Comparison {
  const { entries, filter } = write;
  const ofWriter = without(compare(write.type, live, next), filter);
  const comparisons = new Map<string, Comparison>([[write.apiVersion, ofWriter]]);
  const conflicts: Conflict[] = [];
  const remaining: [id: string, fields: FieldSet][] = [];
  for (const [id, entry] of entries) {
    if (id === applier?.id) continue;
    const comparison = comparisonFor(write, { live, next, comparisons }, entry.apiVersion);
    const lost = intersection(entry.fields, comparison.changed);
    if (!isEmptySet(lost)) conflicts.push(...pathsOf(lost).map((path) => ({ entry, path })));
    const fields = difference(difference(entry.fields, lost), comparison.removed);
    if (fields !== entry.fields) remaining.push([id, fields]);
  }
  if (applier?.force === false && conflicts.length > 0) throw new ApplyConflicts(conflicts);
  for (const [id, fields] of remaining) setFields(entries, id, fields);
  return ofWriter;
}

function comparisonFor(
  write: Write,
  { live, next, comparisons }: Change & { readonly comparisons: Map<string, Comparison> },
  apiVersion: string,
): Comparison {
  const known = comparisons.get(apiVersion);
  if (known !== undefined) return known;
  const view = viewOf(write, apiVersion);
  const before = inVersion(write, own(write, live), apiVersion, 'failed to convert old object: ');
  const after = inVersion(write, own(write, next), apiVersion, 'failed to convert new object: ');
  const comparison: Comparison =
    view === undefined || before === undefined || after === undefined
      ? { removed: LEAF, modified: LEAF, added: LEAF, changed: LEAF }
      : without(compare(view.type, before.object, after.object), write.filter);
  comparisons.set(apiVersion, comparison);
  return comparison;
}

export interface Configuration {
  /** The applier's entry, without fields and time. */
  readonly applier: Pick<ManagerEntry, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;
  readonly live: JsonObject;
  readonly applied: JsonObject;
  readonly force: boolean;
  readonly timeText: string;
}

/** The object after the apply; `live` itself when nothing in it changes. */
export function applyConfiguration(write: Write, configuration: Configuration): JsonObject {
  const { applier, live, applied, force, timeText } = configuration;
  const { type, entries, filter } = write;
  reconcileEntries(write, live);
  const id = entryId(applier);
  const last = entries.get(id);
  const merged = mergeValues(type, live, applied);
  if (!isJsonObject(merged)) throw new TypeError('Cannot apply: the configuration is no object');
  const time = last?.time;
  entries.set(id, {
    ...applier,
    ...(time === undefined ? {} : { time }),
    fields: filter(toFieldSet(type, applied)),
  });
  const next = prune(write, merged, { id, last });
  othersLose(write, { live, next, applier: { id, force } });
  const isSame = equalJson(live, next);
  const entry = entries.get(id);
  if (entry !== undefined) {
    entries.set(id, isSame ? entry : { ...entry, time: timeText });
    setFields(entries, id, stripUnmanaged(entry.fields));
  }
  return isSame ? live : next;
}

interface Pruning {
  readonly id: string;
  /** What the applier owned until now. */
  readonly last: ManagerEntry | undefined;
}

/** Removes what the applier applied last time, and neither it nor anybody else claims now. */
function prune(write: Write, merged: JsonObject, { id, last }: Pruning): JsonObject {
  if (last === undefined || isEmptySet(last.fields)) return merged;
  const now = write.entries.get(id);
  const isSameVersion = last.apiVersion === now?.apiVersion;
  if (isSameVersion && isEmptySet(difference(last.fields, now.fields))) return merged;
  const view = viewOf(write, last.apiVersion);
  const seen = inVersion(write, own(write, merged), last.apiVersion, FAILED.merged);
  if (view === undefined || seen === undefined) return merged;
  const named = withNamedFields(view.type, last.fields);
  const without = objectOf(removeItems(view.type, seen.object, named));
  const owned = addBackOwned(write, seen, { ...seen, object: without });
  const pruned = inVersion(write, owned, last.apiVersion, FAILED.pruned) ?? seen;
  const gone = difference(
    namedFieldsOf(view.type, seen.object),
    namedFieldsOf(view.type, pruned.object),
  );
  const left = objectOf(removeItems(view.type, seen.object, intersection(gone, named)));
  const result = inVersion(write, { ...seen, object: left }, write.apiVersion, FAILED.back);
  return result?.object ?? merged;
}

const own = ({ apiVersion }: Write, object: JsonObject): Versioned => ({ apiVersion, object });

/** What upstream says of a conversion that fails while an apply looks what to remove. */
const FAILED = {
  merged: 'failed to prune fields: failed to convert merged object to last applied version: ',
  pruned:
    'failed to prune fields: failed add back dangling items: failed to convert pruned object to last applied version: ',
  back: 'failed to prune fields: ',
  owned: (which: string, apiVersion: string) =>
    `failed to prune fields: failed add back owned items: failed to convert ${which} object at version ${apiVersion}: `,
};

/**
 * `pruned` with what any manager owns, the applier with its new set among them. Both objects come in
 * one version, of which the managers come first: what was pruned may be needed to convert.
 */
function addBackOwned(write: Write, merged: Versioned, pruned: Versioned): Versioned {
  const managed = new Map<string, FieldSet>([[merged.apiVersion, LEAF]]);
  for (const { apiVersion, fields } of write.entries.values()) {
    managed.set(apiVersion, union(managed.get(apiVersion) ?? LEAF, fields));
  }
  let all = merged;
  let result = pruned;
  for (const [apiVersion, fields] of managed) {
    const view = viewOf(write, apiVersion);
    if (view === undefined || isEmptySet(fields)) continue;
    all = inVersion(write, all, apiVersion, FAILED.owned('merged', apiVersion)) ?? all;
    result = inVersion(write, result, apiVersion, FAILED.owned('pruned', apiVersion)) ?? result;
    const kept = union(namedFieldsOf(view.type, result.object), withNamedFields(view.type, fields));
    const gone = difference(namedFieldsOf(view.type, all.object), kept);
    result = { apiVersion, object: objectOf(removeItems(view.type, all.object, gone)) };
  }
  return result;
}

function namedFieldsOf(type: FieldType, object: JsonObject): FieldSet {
  return withNamedFields(type, toFieldSet(type, object));
}

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}
