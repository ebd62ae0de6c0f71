/**
 * Which fields differ between two objects of a type.
 *
 * Source: structured-merge-diff v6, typed/compare.go.
 */
import { messageOf } from '#base/error.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { equalJson } from '../meta/equal.ts';
import { isJsonObject, memberOf, wasSent } from '../meta/json.ts';
import type { FieldType } from '../schema/types.ts';
import { type FieldSet, FieldSetBuilder, union } from './field-set.ts';
import { listElement } from './list-element.ts';
import { fieldElement, type PathElement } from './path-element.ts';
import { formOf, type ListShape, type MapShape, memberType, shapeOf } from './shape.ts';

export interface Comparison {
  readonly removed: FieldSet;
  readonly modified: FieldSet;
  readonly added: FieldSet;
  /** Modified and added. */
  readonly changed: FieldSet;
}

export function compare(type: FieldType, before: Json, after: Json): Comparison {
  const walk = new CompareWalk();
  walk.values(type, before, after);
  return comparisonOf(walk.removed.toSet(), walk.modified.toSet(), walk.added.toSet());
}

function comparisonOf(removed: FieldSet, modified: FieldSet, added: FieldSet): Comparison {
  return { removed, modified, added, changed: union(modified, added) };
}

/** The comparison without `ignored` and everything below it. */
export function without(
  { removed, modified, added }: Comparison,
  ignored: (set: FieldSet) => FieldSet,
): Comparison {
  return comparisonOf(ignored(removed), ignored(modified), ignored(added));
}

class CompareWalk {
  readonly removed = new FieldSetBuilder();
  readonly modified = new FieldSetBuilder();
  readonly added = new FieldSetBuilder();
  readonly #path: PathElement[] = [];

  /** At most one of the values is undefined (absent). */
  values(type: FieldType, left: Json | undefined, right: Json | undefined): void {
    if (left === right) return;
    const shape = shapeOf(type);
    const form = formOf(shape, right ?? left);
    if (right !== undefined && left !== undefined && left !== null && right !== null) {
      const before = formOf(shape, left);
      if (before !== form) return this.#otherForm(type, left, right);
    }
    if (form === 'map' && shape.map !== undefined) this.#maps(shape.map, left, right);
    else if (form === 'list' && shape.list !== undefined) this.#lists(shape.list, left, right);
    else this.#leaf(left, right);
  }

  /** A value that may be of several forms took another: what was goes, what is comes. */
  #otherForm(type: FieldType, left: Json, right: Json): void {
    this.#children(type, left, 'left');
    this.#children(type, right, 'right');
    this.modified.add(this.#path);
  }

  #children(type: FieldType, value: Json, side: 'left' | 'right'): void {
    const { map } = shapeOf(type);
    if (!isJsonObject(value) || map === undefined || map.atomic) return;
    for (const name of Object.keys(value)) {
      const child = memberOf(value, name);
      if (side === 'left') this.#member(map, name, child, undefined);
      else this.#member(map, name, undefined, child);
    }
  }

  #leaf(left: Json | undefined, right: Json | undefined): void {
    if (left === undefined) this.added.add(this.#path);
    else if (right === undefined) this.removed.add(this.#path);
    else if (!equalJson(left, right) || wasSent(left) !== wasSent(right))
      this.modified.add(this.#path);
  }

  /** The container itself came or went; what is in it has been looked at. */
  #container(left: Json | undefined, right: Json | undefined): void {
    if (left === undefined) this.added.add(this.#path);
    else if (right === undefined) this.removed.add(this.#path);
  }

  #maps(map: MapShape, left: Json | undefined, right: Json | undefined): void {
    const before = isJsonObject(left) ? withNulls(map, left) : EMPTY;
    const after = isJsonObject(right) ? withNulls(map, right) : EMPTY;
    if (map.atomic || (hasNoMembers(before) && hasNoMembers(after))) return this.#leaf(left, right);
    for (const name in before)
      this.#member(map, name, memberOf(before, name), memberOf(after, name));
    for (const name in after) {
      if (memberOf(before, name) === undefined)
        this.#member(map, name, undefined, memberOf(after, name));
    }
    this.#container(left, right);
  }

  #member(map: MapShape, name: string, left: Json | undefined, right: Json | undefined): void {
    if (left === right) return;
    const type = memberType(map, name);
    if (type === undefined) return;
    // Most writes leave most parts of an object alone: those need no walk.
    const isPart = this.#path.length === 0 && left !== undefined && right !== undefined;
    if (isPart && isSame(left, right)) return;
    this.#path.push(fieldElement(name));
    this.values(type, left, right);
    this.#path.pop();
  }

  #lists(list: ListShape, left: Json | undefined, right: Json | undefined): void {
    const before = Array.isArray(left) ? left : [];
    const after = Array.isArray(right) ? right : [];
    if (list.relation === 'atomic' || (before.length === 0 && after.length === 0))
      return this.#leaf(left, right);
    const old = byElement(list, before);
    const now = byElement(list, after);
    for (const [element, items] of old)
      this.#items(list, element, { left: items, right: now.get(element) ?? [] });
    for (const [element, items] of now) {
      if (!old.has(element)) this.#items(list, element, { left: [], right: items });
    }
    this.#container(left, right);
  }

  /** Duplicates of one identity are one leaf: their owner owns them all. */
  #items(
    list: ListShape,
    element: PathElement,
    { left, right }: { left: Json[]; right: Json[] },
  ): void {
    if (left.length > 1 && right.length > 1) {
      if (!equalJson(left, right)) this.modified.add(this.#path, element);
      return;
    }
    const before = left.length > 1 ? undefined : left[0];
    const after = right.length > 1 ? undefined : right[0];
    if (before !== undefined || after !== undefined) {
      this.#path.push(element);
      this.values(list.of, before, after);
      this.#path.pop();
    }
    if (left.length > 1) this.removed.add(this.#path, element);
    if (right.length > 1) this.added.add(this.#path, element);
  }
}

const EMPTY: JsonObject = Object.freeze({});

function hasNoMembers(object: JsonObject): boolean {
  for (const name in object) if (memberOf(object, name) !== undefined) return false;
  return true;
}

/** The object with the nulls that Go writes. */
function withNulls({ nulls = [] }: MapShape, object: JsonObject): JsonObject {
  const missing = nulls.filter((name) => memberOf(object, name) === undefined);
  if (missing.length === 0) return object;
  return { ...object, ...Object.fromEntries(missing.map((name) => [name, null])) };
}

/** Equal also in what was sent empty. */
function isSame(left: Json, right: Json): boolean {
  return equalJson(left, right) && !holdsSent(left) && !holdsSent(right);
}

function holdsSent(value: Json | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (wasSent(value)) return true;
  return Array.isArray(value) ? value.some(holdsSent) : Object.values(value).some(holdsSent);
}

/** Thrown for a value that does not fit its type: an element of a list without its key. */
export class UntypedValue extends Error {
  constructor(cause: string) {
    super(`Cannot compare values: ${cause}`);
    this.name = 'UntypedValue';
  }
}

function elementOf(list: ListShape, item: Json): PathElement {
  try {
    return listElement(list, item);
  } catch (error) {
    throw new UntypedValue(messageOf(error));
  }
}

function byElement(list: ListShape, items: Json[]): Map<PathElement, Json[]> {
  const found = new Map<PathElement, Json[]>();
  for (const item of items) {
    const element = elementOf(list, item);
    const same = found.get(element);
    if (same === undefined) found.set(element, [item]);
    else same.push(item);
  }
  return found;
}
