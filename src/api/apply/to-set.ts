/**
 * The fields that an object names: what its applier owns.
 *
 * Source: structured-merge-diff v6, typed/tofieldset.go; for `withNamedFields` fieldpath/set.go.
 */
import type { Json } from '../meta/object.ts';
import { isJsonObject } from '../meta/json.ts';
import type { FieldType } from '../schema/types.ts';
import { elementsOf, type FieldSet, FieldSetBuilder, LEAF } from './field-set.ts';
import { tryListElement } from './list-element.ts';
import { fieldElement, type PathElement } from './path-element.ts';
import { formOf, type ListShape, type MapShape, memberType, type Shape, shapeOf } from './shape.ts';

/** Every leaf, every member of a map without declared fields, every element of a list. */
export function toFieldSet(type: FieldType, value: Json): FieldSet {
  const walk = new SetWalk();
  walk.value(type, value);
  return walk.set.toSet();
}

class SetWalk {
  readonly set = new FieldSetBuilder();
  readonly #path: PathElement[] = [];

  value(type: FieldType, value: Json): void {
    const shape = shapeOf(type);
    const form = formOf(shape, value);
    if (form === 'map' && shape.map !== undefined) this.#map(shape.map, value);
    else if (form === 'list' && shape.list !== undefined) this.#list(shape.list, value);
    else this.set.add(this.#path);
  }

  #map(map: MapShape, value: Json): void {
    if (map.atomic) return this.set.add(this.#path);
    if (!isJsonObject(value)) return;
    for (const [name, member] of Object.entries(value)) {
      const type = memberType(map, name);
      if (type === undefined || member === undefined) continue;
      this.#path.push(fieldElement(name));
      this.value(type, member);
      const isEmpty = member === null || (isJsonObject(member) && Object.keys(member).length === 0);
      if (isEmpty || map.fields?.has(name) !== true) this.set.add(this.#path);
      this.#path.pop();
    }
  }

  #list(list: ListShape, value: Json): void {
    if (list.relation === 'atomic') return this.set.add(this.#path);
    if (!Array.isArray(value)) return;
    const items = value.map((item) => ({ item, element: tryListElement(list, item) }));
    const counts = new Map<PathElement | undefined, number>();
    for (const { element } of items) counts.set(element, (counts.get(element) ?? 0) + 1);
    for (const { item, element } of items) {
      if (element === undefined) continue;
      this.#path.push(element);
      if (counts.get(element) === 1) this.value(list.of, item);
      this.set.add(this.#path);
      this.#path.pop();
    }
  }
}

/** The set with every declared field that has paths below it as a member too. */
export function withNamedFields(type: FieldType | undefined, set: FieldSet): FieldSet {
  const shape = type === undefined ? undefined : shapeOf(type);
  const result: Record<PathElement, FieldSet> = {};
  for (const element of elementsOf(set)) {
    const node = set[element] ?? LEAF;
    const children = elementsOf(node);
    if (children.length === 0) {
      result[element] = node;
      continue;
    }
    const below = withNamedFields(elementType(shape, element), node);
    const isDeclared =
      element.startsWith('f:') && shape?.map?.fields?.has(element.slice(2)) === true;
    result[element] = isDeclared || '.' in node ? { '.': LEAF, ...below } : below;
  }
  return result;
}

/** The type of what lies at `element` of a value of this shape. */
export function elementType(shape: Shape | undefined, element: PathElement): FieldType | undefined {
  if (element.startsWith('f:')) {
    return shape?.map === undefined ? undefined : memberType(shape.map, element.slice(2));
  }
  return element.startsWith('k:') || element.startsWith('v:') ? shape?.list?.of : undefined;
}
