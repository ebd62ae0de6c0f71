/**
 * An object without some of its fields.
 *
 * Source: structured-merge-diff v6, typed/remove.go.
 */
import type { Json, JsonObject } from '../meta/object.ts';
import { isJsonObject, setMember } from '../meta/json.ts';
import type { FieldType } from '../schema/types.ts';
import { below, type FieldSet, hasMember, isEmptySet } from './field-set.ts';
import { tryListElement } from './list-element.ts';
import { fieldElement } from './path-element.ts';
import { formOf, type ListShape, type MapShape, memberType, shapeOf } from './shape.ts';

/**
 * `value` without the paths of `set`. A container that loses its last member becomes null, as does
 * an atomic one with any path below it; what lies within another one stays there, empty.
 */
export function removeItems(type: FieldType | undefined, value: Json, set: FieldSet): Json {
  if (type === undefined || value === null) return value;
  const shape = shapeOf(type);
  const form = formOf(shape, value);
  if (form === 'map' && shape.map !== undefined) return removeFromMap(shape.map, value, set);
  if (form === 'list' && shape.list !== undefined) return removeFromList(shape.list, value, set);
  return value;
}

function removeFromMap(map: MapShape, value: Json, set: FieldSet): Json {
  if (!isJsonObject(value) || map.atomic) return null;
  const kept: JsonObject = {};
  let count = 0;
  let hadInner = false;
  for (const [name, member] of Object.entries(value)) {
    const element = fieldElement(name);
    if (hasMember(set, element)) continue;
    const inner = below(set, element);
    const isInner = !isEmptySet(inner);
    hadInner ||= isInner;
    setMember(kept, name, isInner ? removeWithin(memberType(map, name), member, inner) : member);
    count++;
  }
  return count > 0 || hadInner ? kept : null;
}

/** A container from which something within was removed is still there. */
function removeWithin(type: FieldType | undefined, value: Json, set: FieldSet): Json {
  const left = removeItems(type, value, set);
  if (left !== null || value === null || typeof value !== 'object') return left;
  return Array.isArray(value) ? [] : {};
}

function removeFromList(list: ListShape, value: Json, set: FieldSet): Json {
  if (!Array.isArray(value) || list.relation === 'atomic') return null;
  const kept: Json[] = [];
  for (const item of value) {
    const element = tryListElement(list, item);
    if (element === undefined) {
      kept.push(item);
      continue;
    }
    if (hasMember(set, element)) continue;
    const inner = below(set, element);
    kept.push(isEmptySet(inner) ? item : removeWithin(list.of, item, inner));
  }
  return kept.length > 0 ? kept : null;
}
