/**
 * Schemas of custom resources: what makes them structural, as far as types, lists and maps go.
 *
 * Source: upstream apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go and
 * pkg/apiserver/schema/validation.go. Defaults, nested value validation and CEL rules are not looked at.
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

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const LIST_TYPES = ['atomic', 'set', 'map'];
const MAP_TYPES = ['atomic', 'granular'];
const MISSING_TYPE = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

type Level = keyof typeof MISSING_TYPE;

function validateType(schema: JSONSchemaProps, level: Level, at: FieldPath): FieldError[] {
  const { type = '' } = schema;
  const where = at.child('type');
  const loose =
    schema['x-kubernetes-int-or-string'] === true ||
    schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (type === '') return loose ? [] : [required(where, MISSING_TYPE[level])];
  if (!TYPES.includes(type)) return [notSupported(where, type, TYPES)];
  if (level !== 'root' || type === 'object') return [];
  return [invalidValue(where, type, 'must be object at the root')];
}

function validateListKeys(schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const where = at.child('x-kubernetes-list-map-keys');
  if (schema['x-kubernetes-list-type'] !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    return keys.length === 0 ? [] : [required(at.child('x-kubernetes-list-type'), detail)];
  }
  if (keys.length === 0) {
    return [required(where, 'must not be empty if x-kubernetes-list-type is map')];
  }
  const item = Array.isArray(schema.items) ? undefined : schema.items;
  if (item === undefined) {
    return [required(at.child('items'), 'must have a schema if x-kubernetes-list-type is map')];
  }
  return keys.flatMap((key, i) => {
    const errors: FieldError[] = [];
    const property = item.properties?.[key];
    if (property === undefined) {
      errors.push(invalidValue(where, keys, 'entries must all be names of item properties'));
    } else if (!item.required?.includes(key) && property.default === undefined) {
      const detail =
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      errors.push(required(at.child('items', 'properties').key(key).child('default'), detail));
    }
    if (keys.indexOf(key) < i) {
      errors.push(invalidValue(where, keys, 'must not contain duplicate entries'));
    }
    return errors;
  });
}

function validateTopology(schema: JSONSchemaProps, at: FieldPath): FieldError[] {
  const { type = '' } = schema;
  const errors: FieldError[] = [];
  for (const [field, of, values] of [
    ['x-kubernetes-map-type', 'object', MAP_TYPES],
    ['x-kubernetes-list-type', 'array', LIST_TYPES],
  ] as const) {
    const value = schema[field];
    if (value === undefined) continue;
    const detail = `must be ${of} if ${field} is specified`;
    const where = at.child('type');
    if (type === '') errors.push(required(where, detail));
    else if (type !== of) errors.push(invalidValue(where, type, detail));
    if (!values.includes(value)) errors.push(notSupported(at.child(field), value, values));
  }
  return [...errors, ...validateListKeys(schema, at)];
}

function validateChildren(schema: JSONSchemaProps, level: Level, at: FieldPath): FieldError[] {
  const { properties = {}, additionalProperties: additional, items } = schema;
  const errors: FieldError[] = [];
  const where = at.child('additionalProperties');
  if (additional !== undefined && level === 'root') {
    errors.push(forbiddenField(where, 'must not be used at the root'));
  }
  if (additional !== undefined && additional !== true && Object.keys(properties).length > 0) {
    const detail = 'additionalProperties and properties are mutual exclusive';
    errors.push(forbiddenField(where, detail));
  }
  if (typeof additional === 'object') errors.push(...validate(additional, 'field', where));
  for (const [name, property] of Object.entries(properties)) {
    errors.push(...validate(property, 'field', at.child('properties').key(name)));
  }
  if (Array.isArray(items)) {
    errors.push(
      forbiddenField(at.child('items'), 'items must be a schema object and not an array'),
    );
  } else if (items !== undefined) errors.push(...validate(items, 'item', at.child('items')));
  else if (schema.type === 'array') errors.push(required(at.child('items'), 'must be specified'));
  return errors;
}

function validate(schema: JSONSchemaProps, level: Level, at: FieldPath): FieldError[] {
  const errors = validateType(schema, level, at);
  if (schema.uniqueItems === true) {
    const detail =
      'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbiddenField(at.child('uniqueItems'), detail));
  }
  const preserve = schema['x-kubernetes-preserve-unknown-fields'];
  if (preserve === false) {
    const field = at.child('x-kubernetes-preserve-unknown-fields');
    errors.push(invalidValue(field, preserve, 'must be true or undefined'));
  }
  return [...errors, ...validateTopology(schema, at), ...validateChildren(schema, level, at)];
}

/** `schema`: of one version; its absence is reported elsewhere. */
export function validateResourceSchema(
  schema: JSONSchemaProps | undefined,
  at: FieldPath,
): FieldError[] {
  if (schema === undefined) return [];
  const nullable =
    schema.nullable === true
      ? [forbiddenField(at.child('nullable'), 'nullable cannot be true at the root')]
      : [];
  return [...nullable, ...validate(schema, 'root', at)];
}
