/**
 * Lists in a strategic merge patch: merged by key or as sets of scalars, then put in order.
 *
 * The order is the patch's for what the patch names and the live list's for the rest; where both
 * meet, an element of the live list goes before the first patched one that stood behind it.
 *
 * Source: upstream strategicpatch/patch.go (mergeSlice, normalizeElementOrder) and the design
 * proposal "preserve order in strategic merge patch".
 */
import type { Json, JsonObject } from '../meta/object.ts';
import type { FieldType } from '../schema/types.ts';
import { goText, isJsonObject, memberOf } from '../meta/json.ts';
import { goKind, type MergeRule, StrategicMergeError } from './strategic-shape.ts';

export interface ListMerge extends MergeRule {
  mergeObject(original: JsonObject, patch: JsonObject, type: FieldType): JsonObject;
}

export function mergeList(original: Json[], patch: Json[], rule: ListMerge): Json[] {
  if (original.length === 0 && patch.length === 0) return original;
  const { mergeKey } = rule;
  if (elementKind(original, patch) !== 'object') {
    const merged = [...new Set([...original, ...patch])];
    return inElementOrder(merged, { order: patch, before: original, isObjects: false, mergeKey });
  }
  if (mergeKey === '') {
    throw new StrategicMergeError(`cannot merge lists without merge key for ${goKind(rule.of)}`);
  }
  const { kept, changes } = obeyElements(objectsOf(original), objectsOf(patch), mergeKey);
  const merged = mergeElements(kept, changes, rule);
  return inElementOrder(merged, { order: changes, before: kept, isObjects: true, mergeKey });
}

/** `$deleteFromPrimitiveList`. */
export function deleteFromList(list: Json[], deleted: Json[]): Json[] {
  const gone = new Set(deleted);
  return list.filter((item) => !gone.has(item));
}

/** What all elements are. Throws when they differ, or when there is none. */
export function elementKind(...lists: Json[][]): 'object' | 'string' | 'number' | 'boolean' {
  const kinds = new Set(lists.flat().map(kindOf));
  if (kinds.has('list')) throw new StrategicMergeError('lists of lists are not supported', 422);
  const [kind] = kinds;
  if (kinds.size > 1 || kind === 'null') {
    throw new StrategicMergeError(`list element types are not identical: ${goText(lists)}`);
  }
  if (kind === undefined) throw new StrategicMergeError('no elements in any of the given slices');
  return kind as 'object' | 'string' | 'number' | 'boolean';
}

function kindOf(value: Json): string {
  if (Array.isArray(value)) return 'list';
  return value === null ? 'null' : typeof value;
}

function objectsOf(list: Json[]): JsonObject[] {
  return list.filter((item) => isJsonObject(item));
}

/** Obeys `$patch` in elements: deletions from the original, or replacement of all of it. */
function obeyElements(
  original: JsonObject[],
  patch: JsonObject[],
  mergeKey: string,
): { kept: JsonObject[]; changes: JsonObject[] } {
  let kept = original;
  let replaces = false;
  const changes: JsonObject[] = [];
  for (const element of patch) {
    const directive = memberOf(element, '$patch');
    if (directive === undefined) {
      changes.push(element);
    } else if (directive === 'delete') {
      const key = keyOf(element, mergeKey);
      kept = kept.filter((item) => memberOf(item, mergeKey) !== key);
    } else if (directive === 'replace') {
      replaces = true;
    } else if (directive === 'merge') {
      throw new StrategicMergeError('merging lists cannot yet be specified in the patch');
    } else {
      throw new StrategicMergeError(
        `unknown patch type: ${goText(directive)} in map: ${goText(element)}`,
      );
    }
  }
  return replaces ? { kept: changes, changes: [] } : { kept, changes };
}

function keyOf(element: JsonObject, mergeKey: string): Json {
  const key = memberOf(element, mergeKey);
  if (key === undefined) {
    throw new StrategicMergeError(
      `map: ${goText(element)} does not contain declared merge key: ${mergeKey}`,
    );
  }
  return key;
}

function mergeElements(
  original: JsonObject[],
  changes: JsonObject[],
  rule: ListMerge,
): JsonObject[] {
  const merged = [...original];
  for (const change of changes) {
    const key = keyOf(change, rule.mergeKey);
    const at = merged.findIndex((item) => memberOf(item, rule.mergeKey) === key);
    const before = merged[at];
    if (before === undefined) merged.push(change);
    else merged[at] = rule.mergeObject(before, change, rule.of);
  }
  return merged;
}

interface ElementOrder {
  /** Elements, or their keys alone, as the patch orders them. */
  readonly order: Json[];
  /** The list before the patch. */
  readonly before: Json[];
  readonly isObjects: boolean;
  readonly mergeKey: string;
}

/** `merged` with what `order` names in that order, and the rest as it stood in `before`. */
export function inElementOrder(
  merged: Json[],
  { order, before, isObjects, mergeKey }: ElementOrder,
): Json[] {
  const idOf = (item: Json): Json =>
    isObjects && isJsonObject(item) ? keyOf(item, mergeKey) : item;
  const wanted = firstPositions(order.map(idOf));
  const live = firstPositions(before.map(idOf));
  const isNamed = (item: Json): boolean => wanted.has(idOf(item));
  const patched = sortedBy(merged.filter(isNamed), idOf, wanted);
  const rest = sortedBy(
    merged.filter((item) => !isNamed(item)),
    idOf,
    live,
  );
  const result: Json[] = [];
  let next = 0;
  for (const item of patched) {
    const place = live.get(idOf(item));
    while (place !== undefined && next < rest.length) {
      const candidate = rest[next] as Json;
      const candidatePlace = live.get(idOf(candidate));
      if (candidatePlace === undefined || candidatePlace >= place) break;
      result.push(candidate);
      next++;
    }
    result.push(item);
  }
  return [...result, ...rest.slice(next)];
}

function firstPositions(ids: Json[]): Map<Json, number> {
  const positions = new Map<Json, number>();
  for (const [index, id] of ids.entries()) if (!positions.has(id)) positions.set(id, index);
  return positions;
}

function sortedBy(
  items: Json[],
  idOf: (item: Json) => Json,
  positions: ReadonlyMap<Json, number>,
): Json[] {
  return items.toSorted((left, right) => {
    const a = positions.get(idOf(left));
    const b = positions.get(idOf(right));
    return a === undefined || b === undefined ? 0 : a - b;
  });
}

/** Throws unless the elements of `patch` stand in `order`, in that order; deletions do not count. */
export function checkElementOrder(patch: Json[], order: Json[], mergeKey: string): void {
  if (order.length === 0 || patch.length === 0) return;
  const named = patch.filter((item) => !isJsonObject(item) || !Object.hasOwn(item, '$patch'));
  const idOf = (item: Json): Json => {
    if (mergeKey === '') return item;
    if (isJsonObject(item)) return keyOf(item, mergeKey);
    throw new StrategicMergeError(
      `expected a map[string]interface {}, but received a ${typeof item}`,
    );
  };
  let at = 0;
  for (const item of order) {
    const next = named[at];
    if (next !== undefined && idOf(next) === idOf(item)) at++;
  }
  if (at < named.length) {
    throw new StrategicMergeError(
      `The order in patch list:\n${goText(patch)}\n doesn't match $setElementOrder list:\n${goText(order)}\n`,
    );
  }
}
