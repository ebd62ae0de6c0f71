/**
 * What may stand under allOf, anyOf, oneOf and not; see `structure.ts`.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/validation.go.
 */
import { type FieldError, type FieldPath, forbiddenField, invalidValue } from '../meta/field.ts';
import { compilePattern } from './pattern.ts';
import type { StructuralSchema } from './structural-schema.ts';

export function validatePattern({ value }: StructuralSchema, at: FieldPath): FieldError[] {
  const pattern = value?.pattern;
  if (pattern === undefined) return [];
  const compiled = compilePattern(pattern);
  if (!('error' in compiled)) return [];
  const detail = `must be a valid regular expression, but isn't: ${compiled.error}`;
  return [invalidValue(at.child('pattern'), pattern, detail)];
}

/** `skipAnyOf`: anyOf is the pair of types that int-or-string is allowed. */
export function validateNested(
  schema: StructuralSchema,
  at: FieldPath,
  { skipAnyOf = false }: { readonly skipAnyOf?: boolean } = {},
): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not } = schema.value ?? {};
  const errors: FieldError[] = [];
  const lists = { anyOf: skipAnyOf ? [] : anyOf, allOf, oneOf };
  for (const [name, clauses] of Object.entries(lists)) {
    for (const [i, clause] of clauses.entries()) {
      errors.push(...validateNested(clause, at.child(name).index(i)));
    }
  }
  if (not !== undefined) errors.push(...validateNested(not, at.child('not')));
  errors.push(...validatePattern(schema, at));
  if (schema.items !== undefined) errors.push(...validateNested(schema.items, at.child('items')));
  for (const [name, property] of schema.properties ?? []) {
    errors.push(...validateNested(property, at.child('properties').key(name)));
  }
  errors.push(...forbidStructure(schema, at));
  if (schema.properties?.has('metadata') === true) {
    const where = at.child('properties').key('metadata');
    errors.push(forbiddenField(where, 'must not be specified in a nested context'));
  }
  return errors;
}

const EMPTY = 'must be empty to be structural';
const UNDEFINED = 'must be undefined to be structural';
const FALSE = 'must be false to be structural';

function forbidStructure(schema: StructuralSchema, at: FieldPath): FieldError[] {
  const { additionalProperties: additional, docs } = schema;
  const found: readonly (readonly [name: string, is: boolean, detail: string])[] = [
    ['type', schema.type !== '', EMPTY],
    ['additionalProperties', additional !== undefined && additional !== false, UNDEFINED],
    ['default', schema.default !== undefined, UNDEFINED],
    ['title', docs?.title !== undefined, EMPTY],
    ['description', docs?.description !== undefined, EMPTY],
    ['nullable', schema.nullable, FALSE],
    ['x-kubernetes-preserve-unknown-fields', schema.preserveUnknownFields, FALSE],
    ['x-kubernetes-embedded-resource', schema.embeddedResource, FALSE],
    ['x-kubernetes-int-or-string', schema.intOrString, FALSE],
    ['x-kubernetes-list-map-keys', schema.listMapKeys !== undefined, EMPTY],
    ['x-kubernetes-list-type', schema.listType !== undefined, UNDEFINED],
    ['x-kubernetes-map-type', schema.mapType !== undefined, UNDEFINED],
    ['x-kubernetes-validations', schema.rules !== undefined, EMPTY],
  ];
  return found.flatMap(([name, is, detail]) =>
    is ? [forbiddenField(at.child(name), detail)] : [],
  );
}
