/**
 * Whether a schema is structural: each value has one known place in the structure, and nested value
 * validations add nothing to it.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema (validation.go, complete.go).
 */
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '../meta/field.ts';
import { compileSchema, emptySchema } from './compile-schema.ts';
import { validateCompleteness } from './structure-completeness.ts';
import { validateNested, validatePattern } from './structure-nested.ts';
import type { StructuralSchema } from './structural-schema.ts';

type Level = 'root' | 'item' | 'field';

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

const INTEGER = compileSchema({ type: 'integer' });
const STRING = compileSchema({ type: 'string' });

function isIntOrString(clauses: readonly StructuralSchema[] | undefined): boolean {
  return clauses?.length === 2 && clauses[0] === INTEGER && clauses[1] === STRING;
}

/** anyOf of integer and string: the one clause of types that is allowed, with int-or-string. */
export function hasIntOrStringAnyOf({ value }: StructuralSchema): boolean {
  return isIntOrString(value?.anyOf);
}

/** The same as the first clause of allOf. */
export function hasIntOrStringAllOf({ value }: StructuralSchema): boolean {
  return isIntOrString(value?.allOf?.[0]?.value?.anyOf);
}

/** What keeps the schema of a whole resource from being structural, sorted by text. */
export function validateStructure(schema: StructuralSchema, at: FieldPath): FieldError[] {
  const errors = [...validateNode(schema, 'root', at), ...validateCompleteness(schema, at)];
  const texts = new Map(errors.map((error) => [error, error.text()]));
  return errors.toSorted((left, right) =>
    Buffer.compare(Buffer.from(texts.get(left) ?? ''), Buffer.from(texts.get(right) ?? '')),
  );
}

function validateNode(schema: StructuralSchema, level: Level, at: FieldPath): FieldError[] {
  const { type, items, properties, additionalProperties: additional } = schema;
  const errors: FieldError[] = [];
  if (type === 'array' && items === undefined) {
    errors.push(required(at.child('items'), 'must be specified'));
  }
  if (items !== undefined) errors.push(...validateNode(items, 'item', at.child('items')));
  for (const [name, property] of properties ?? []) {
    errors.push(...validateNode(property, 'field', at.child('properties').key(name)));
  }
  if (additional !== undefined) {
    const where = at.child('additionalProperties');
    if (level === 'root') errors.push(forbiddenField(where, 'must not be used at the root'));
    if (typeof additional === 'object') errors.push(...validateNode(additional, 'field', where));
  }
  return [
    ...errors,
    ...validateExtensions(schema, at),
    ...validateClauses(schema, at),
    ...validateType(schema, level, at),
    ...validateMetaSchemas(schema, level, at),
  ];
}

function validateExtensions(schema: StructuralSchema, at: FieldPath): FieldError[] {
  if (!schema.intOrString) return [];
  const detail = 'must be false if x-kubernetes-int-or-string is true';
  const errors: FieldError[] = [];
  if (schema.preserveUnknownFields) {
    errors.push(invalidValue(at.child('x-kubernetes-preserve-unknown-fields'), true, detail));
  }
  if (schema.embeddedResource) {
    errors.push(invalidValue(at.child('x-kubernetes-embedded-resource'), true, detail));
  }
  return errors;
}

function validateClauses(schema: StructuralSchema, at: FieldPath): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not } = schema.value ?? {};
  const skipFirst = hasIntOrStringAllOf(schema);
  const errors: FieldError[] = [];
  if (!hasIntOrStringAnyOf(schema)) {
    for (const [i, clause] of anyOf.entries()) {
      errors.push(...validateNested(clause, at.child('anyOf').index(i)));
    }
  }
  for (const [i, clause] of allOf.entries()) {
    const skipAnyOf = skipFirst && i === 0;
    errors.push(...validateNested(clause, at.child('allOf').index(i), { skipAnyOf }));
  }
  for (const [i, clause] of oneOf.entries()) {
    errors.push(...validateNested(clause, at.child('oneOf').index(i)));
  }
  if (not !== undefined) errors.push(...validateNested(not, at.child('not')));
  return [...errors, ...validatePattern(schema, at)];
}

function validateType(schema: StructuralSchema, level: Level, at: FieldPath): FieldError[] {
  const { type, embeddedResource, additionalProperties, properties } = schema;
  const where = at.child('type');
  const errors: FieldError[] = [];
  if (embeddedResource && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type === '' ? required(where, detail) : invalidValue(where, type, detail));
  } else if (type === '' && !schema.intOrString && !schema.preserveUnknownFields) {
    errors.push(required(where, EMPTY_TYPE[level]));
  }
  if (embeddedResource && additionalProperties !== undefined) {
    const detail = 'must not be used if x-kubernetes-embedded-resource is set';
    errors.push(forbiddenField(at.child('additionalProperties'), detail));
  }
  if (level === 'root' && type !== '' && type !== 'object') {
    errors.push(invalidValue(where, type, 'must be object at the root'));
  }
  if (embeddedResource && !schema.preserveUnknownFields && properties === undefined) {
    const detail =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(required(at.child('properties'), detail));
  }
  return errors;
}

/** What a schema may say of apiVersion, kind and metadata. */
function validateMetaSchemas(schema: StructuralSchema, level: Level, at: FieldPath): FieldError[] {
  const isObject = level === 'root' || schema.embeddedResource;
  const errors: FieldError[] = [];
  for (const name of ['kind', 'apiVersion']) {
    const type = schema.properties?.get(name)?.type;
    if (!isObject || type === undefined || type === 'string') continue;
    const where = at.child('properties').key(name).child('type');
    errors.push(invalidValue(where, type, 'must be string'));
  }
  const metadata = schema.properties?.get('metadata');
  if (metadata === undefined) return errors;
  const where = at.child('properties').key('metadata');
  if (isObject && metadata.type !== 'object') {
    errors.push(invalidValue(where.child('type'), metadata.type, 'must be object'));
  }
  if (level === 'root' && saysMore(metadata)) {
    const detail =
      'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(forbiddenField(where, detail));
  }
  return errors;
}

/** Whether the schema of the root's metadata says more than that name and generateName exist. */
function saysMore(metadata: StructuralSchema): boolean {
  const { properties } = metadata;
  const named = ['name', 'generateName'].filter((name) => properties?.has(name)).length;
  const onlyNames = named > 0 && properties?.size === named;
  const rest = { ...metadata, ...(onlyNames ? { properties: undefined } : {}) };
  const nothing = emptySchema();
  const fields = Object.keys(nothing) as (keyof StructuralSchema)[];
  return fields.some(
    (field) => field !== 'type' && field !== 'default' && rest[field] !== nothing[field],
  );
}
