/**
 * Lists and maps in schemas: their types, and the keys of lists of type map.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go.
 */
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';

const LIST_TYPE = 'x-kubernetes-list-type';
const MAP_TYPE = 'x-kubernetes-map-type';
const MAP_KEYS = 'x-kubernetes-list-map-keys';

function itemOf({ items }: JSONSchemaProps): JSONSchemaProps | undefined {
  return Array.isArray(items) ? undefined : items;
}

function typeError(
  schema: JSONSchemaProps,
  needed: string,
  field: string,
  at: FieldPath,
): FieldError[] {
  if (schema.type === needed) return [];
  const detail = `must be ${needed} if ${field} is specified`;
  const where = at.child('type');
  return [schema.type ? invalidValue(where, schema.type, detail) : required(where, detail)];
}

/** A list of type set whose items are not atomic. */
export function isNonAtomicSet(schema: JSONSchemaProps): boolean {
  return schema.type === 'array' && setItemError(schema, undefined) !== undefined;
}

const NO_PATH = { child: (): string => '' };

function setItemError(schema: JSONSchemaProps, at: FieldPath | undefined): FieldError | undefined {
  const item = itemOf(schema);
  if (schema[LIST_TYPE] !== 'set' || item === undefined) return undefined;
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = item[LIST_TYPE];
  const where = at ?? NO_PATH;
  if (item.type === 'array' && listType !== undefined && listType !== 'atomic') {
    return invalidValue(where.child('items', LIST_TYPE), listType, detail);
  }
  if (item.type === 'object' && item[MAP_TYPE] !== 'atomic') {
    // Upstream shows the list type here.
    return invalidValue(where.child('items', MAP_TYPE), listType ?? null, detail);
  }
  return undefined;
}

/** Types of lists and maps, in upstream's order. */
export function validateTopology(
  schema: JSONSchemaProps,
  at: FieldPath,
  { requireAtomicSets }: { readonly requireAtomicSets: boolean },
): FieldError[] {
  const errors: FieldError[] = [];
  const mapType = schema[MAP_TYPE];
  const listType = schema[LIST_TYPE];
  if (mapType !== undefined) {
    errors.push(...typeError(schema, 'object', MAP_TYPE, at));
    if (mapType !== 'atomic' && mapType !== 'granular') {
      errors.push(notSupported(at.child(MAP_TYPE), mapType, ['atomic', 'granular']));
    }
  }
  if (listType !== undefined) {
    const wrong = typeError(schema, 'array', LIST_TYPE, at);
    const setError = wrong.length === 0 && requireAtomicSets ? setItemError(schema, at) : undefined;
    errors.push(...wrong, ...(setError === undefined ? [] : [setError]));
    if (!['atomic', 'set', 'map'].includes(listType)) {
      errors.push(notSupported(at.child(LIST_TYPE), listType, ['atomic', 'set', 'map']));
    }
  }
  if ((schema[MAP_KEYS] ?? []).length > 0 && listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    const where = at.child(LIST_TYPE);
    errors.push(
      listType === undefined ? required(where, detail) : invalidValue(where, listType, detail),
    );
  }
  return listType === 'map' ? [...errors, ...validateMapList(schema, at)] : errors;
}

function validateMapList(schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  const keys = schema[MAP_KEYS] ?? [];
  const where = at.child(MAP_KEYS);
  const errors: FieldError[] = [];
  if (keys.length === 0) {
    errors.push(required(where, 'must not be empty if x-kubernetes-list-type is map'));
  }
  const items = at.child('items');
  if (schema.items === undefined) {
    errors.push(required(items, 'must have a schema if x-kubernetes-list-type is map'));
    return errors;
  }
  const item = itemOf(schema);
  if (item === undefined) {
    const detail = 'must only have a single schema if x-kubernetes-list-type is map';
    return [...errors, invalidValue(items, schema.items, detail)];
  }
  if (item.type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    return [...errors, invalidValue(items.child('type'), item.type ?? '', detail)];
  }
  for (const [i, key] of keys.entries()) {
    const property = item.properties?.[key];
    if (property === undefined) {
      errors.push(invalidValue(where, keys, 'entries must all be names of item properties'));
    } else if (property.type === 'array' || property.type === 'object') {
      const detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      const type = items.child('properties').key(key).child('type');
      errors.push(invalidValue(type, item.type, detail));
    }
    if (keys.indexOf(key) < i) {
      errors.push(invalidValue(where, keys, 'must not contain duplicate entries'));
    }
  }
  return errors;
}

/** Items of lists of type set and map are never null; the keys of the latter are always there. */
export function validateListKeys(schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  const item = itemOf(schema);
  const listType = schema[LIST_TYPE];
  if (item === undefined || (listType !== 'set' && listType !== 'map')) return [];
  const items = at.child('items');
  const errors: FieldError[] = [];
  if (item.nullable === true) {
    const detail = `cannot be nullable when x-kubernetes-list-type is ${listType}`;
    errors.push(forbiddenField(items.child('nullable'), detail));
  }
  if (listType === 'set') return errors;
  for (const key of schema[MAP_KEYS] ?? []) {
    const property = item.properties?.[key];
    if (property === undefined) continue;
    const where = items.child('properties').key(key);
    const start = 'this property is in x-kubernetes-list-map-keys, so it';
    if (!item.required?.includes(key) && (property.default ?? null) === null) {
      const detail = `${start} must have a default or be a required property`;
      errors.push(required(where.child('default'), detail));
    }
    if (property.nullable === true) {
      errors.push(forbiddenField(where.child('nullable'), `${start} cannot be nullable`));
    }
  }
  return errors;
}
