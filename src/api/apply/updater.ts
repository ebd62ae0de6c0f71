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

/** What the writer gains by changing `live` to `next`; others lose what changed or went. */
export function recordUpdate(write: Write, live: JsonObject, next: JsonObject): FieldSet {
  reconcileEntries(write);
  const { changed } = othersLose(write, { live, next });
  return changed;
}

function reconcileEntries(write: Write): void {
  for (const [id, entry] of write.entries) {
    const view = viewOf(write, entry.apiVersion);
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
  const own = without(compare(write.type, live, next), filter);
  const comparisons = new Map<string, Comparison>([[write.apiVersion, own]]);
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
  return own;
}

function comparisonFor(
  write: Write,
  { live, next, comparisons }: Change & { readonly comparisons: Map<string, Comparison> },
  apiVersion: string,
): Comparison {
  const known = comparisons.get(apiVersion);
  if (known !== undefined) return known;
  const view = viewOf(write, apiVersion);
  const comparison: Comparison =
    view === undefined
      ? { removed: LEAF, modified: LEAF, added: LEAF, changed: LEAF }
      : without(compare(view.type, view.see(live), view.see(next)), write.filter);
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
  reconcileEntries(write);
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
  if (view === undefined) return merged;
  const seen = view.see(merged);
  const named = withNamedFields(view.type, last.fields);
  const pruned = addBackOwned(write, last.apiVersion, {
    merged,
    pruned: view.back(objectOf(removeItems(view.type, seen, named))),
  });
  const prunedSet = namedFieldsOf(view.type, view.see(pruned));
  const gone = difference(namedFieldsOf(view.type, seen), prunedSet);
  return view.back(objectOf(removeItems(view.type, seen, intersection(gone, named))));
}

interface Pruned {
  readonly merged: JsonObject;
  readonly pruned: JsonObject;
}

/** `pruned` with what any manager owns, the applier with its new set among them. */
function addBackOwned(write: Write, first: string, { merged, pruned }: Pruned): JsonObject {
  const owned = new Map<string, FieldSet>([[first, LEAF]]);
  for (const { apiVersion, fields } of write.entries.values()) {
    owned.set(apiVersion, union(owned.get(apiVersion) ?? LEAF, fields));
  }
  let result = pruned;
  for (const [apiVersion, fields] of owned) {
    const view = viewOf(write, apiVersion);
    if (view === undefined || isEmptySet(fields)) continue;
    const seen = view.see(merged);
    const kept = union(
      namedFieldsOf(view.type, view.see(result)),
      withNamedFields(view.type, fields),
    );
    const gone = difference(namedFieldsOf(view.type, seen), kept);
    result = view.back(objectOf(removeItems(view.type, seen, gone)));
  }
  return result;
}

function namedFieldsOf(type: FieldType, object: JsonObject): FieldSet {
  return withNamedFields(type, toFieldSet(type, object));
}

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}
