/**
 * Uniqueness in lists of type set (items) and map (keys).
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/listtype/validation.go. On
 * update it is asked only when the old object was in order.
 */
import { canonicalJson } from './canonical-json.ts';
import { duplicate, type FieldError, type FieldPath, invalidValue } from '../meta/field.ts';
import { isJsonObject, memberOf, setMember } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { additionalSchema, type StructuralSchema } from './structural-schema.ts';

export function validateListTypes(
  value: Json,
  schema: StructuralSchema | undefined,
  at: FieldPath,
): FieldError[] {
  if (schema === undefined) return [];
  if (Array.isArray(value)) return validateList(value, schema, at);
  if (!isJsonObject(value)) return [];
  const errors: FieldError[] = [];
  const additional = additionalSchema(schema);
  for (const [name, member] of Object.entries(value)) {
    const property = schema.properties?.get(name);
    if (additional !== undefined) {
      errors.push(...validateListTypes(member, additional, at.key(name)));
    }
    errors.push(...validateListTypes(member, property, at.child(name)));
  }
  return errors;
}

function validateList(list: Json[], schema: StructuralSchema, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.listType === 'set') {
    errors.push(...repeated(list).map((i) => duplicate(at.index(i), list[i])));
  }
  if (schema.listType === 'map') errors.push(...validateKeys(list, schema, at));
  for (const [i, item] of list.entries()) {
    errors.push(...validateListTypes(item, schema.items, at.index(i)));
  }
  return errors;
}

/** The index of the second of each that there is more than once. */
function repeated(list: readonly Json[]): number[] {
  const times = new Map<string, number>();
  const found: number[] = [];
  for (const [i, item] of list.entries()) {
    const key = canonicalJson(item);
    const before = times.get(key) ?? 0;
    if (before === 1) found.push(i);
    times.set(key, before + 1);
  }
  return found;
}

function validateKeys(list: Json[], schema: StructuralSchema, at: FieldPath): FieldError[] {
  const odd = list.findIndex((item) => item !== null && !isJsonObject(item));
  if (odd >= 0) {
    const detail = 'must be an object for an array of list-type map';
    return [invalidValue(at.index(odd), list[odd], detail)];
  }
  const keys = list.map((item) => keysOf(item, schema.listMapKeys ?? []));
  return repeated(keys).map((i) => duplicate(at.index(i), keys[i]));
}

function keysOf(item: Json, names: readonly string[]): JsonObject {
  const keys: JsonObject = {};
  if (!isJsonObject(item)) return keys;
  for (const name of names) {
    const value = memberOf(item, name);
    if (value !== undefined) setMember(keys, name, value);
  }
  return keys;
}
