/**
 * Whether two objects of a type are the same to Go: what `equalValues` cannot know is told here by
 * the type, for a pointer to nothing and a pointer to an empty struct are two values.
 *
 * Source: upstream's Semantic.DeepEqual over the Go types: empty and missing lists and maps are
 * equal, and so are zero and missing values that are no pointers.
 */
import { equalJson, equalValues } from '../meta/equal.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import type { FieldSchema, FieldType, TypeSchema } from './types.ts';

/** `type`: of both. Fields that the type does not know are compared as plain values. */
export function equalOfType(type: TypeSchema, left: JsonObject, right: JsonObject): boolean {
  for (const key of Object.keys(left)) {
    if (!equalField(type.byJson.get(key), left[key], right[key])) return false;
  }
  for (const key of Object.keys(right)) {
    if (left[key] === undefined && !equalField(type.byJson.get(key), undefined, right[key]))
      return false;
  }
  return true;
}

function equalField(
  field: FieldSchema | undefined,
  left: Json | undefined,
  right: Json | undefined,
): boolean {
  if (left === right) return true;
  if (field === undefined) return equalValues(left, right);
  const mine = left ?? null;
  const other = right ?? null;
  if (mine !== null && other !== null) return equalOf(field.type, mine, other);
  if (mine === null && other === null) return true;
  if (field.pointer) return false;
  if (field.type.kind === 'object') return equalOf(field.type, mine ?? {}, other ?? {});
  return equalValues(mine, other) || isZero(mine ?? other);
}

function equalOf(type: FieldType, left: Json, right: Json): boolean {
  if (left === right) return true;
  if (type.kind === 'scalar') return equalJson(left, right);
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right)) return false;
    if (type.kind !== 'list' || left.length !== right.length) return equalValues(left, right);
    return left.every((item, i) => equalOf(type.of, item, right[i] ?? null));
  }
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return equalValues(left, right);
  if (type.kind === 'object') return equalOfType(type.type, left, right);
  return type.kind === 'map' ? equalMaps(type.of, left, right) : false;
}

function equalMaps(of: FieldType, left: JsonObject, right: JsonObject): boolean {
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => {
    const [mine, other] = [left[key], right[key]];
    return Object.hasOwn(right, key) && mine !== undefined && other !== undefined
      ? equalOf(of, mine, other)
      : mine === other;
  });
}

function isZero(value: Json): boolean {
  return value === 0 || value === false;
}
