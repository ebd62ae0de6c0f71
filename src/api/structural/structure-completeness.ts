/**
 * Whether each value validation speaks of a place that the structure has too.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/complete.go.
 */
import { type FieldError, type FieldPath, required } from '../meta/field.ts';
import type { StructuralSchema } from './structural-schema.ts';

export function validateCompleteness(schema: StructuralSchema, at: FieldPath): FieldError[] {
  return validateClauses(schema, schema, at, at);
}

/** `at`: of the structure; `nestedAt`: of the validation that speaks of it. */
function validateClauses(
  clause: StructuralSchema,
  schema: StructuralSchema,
  at: FieldPath,
  nestedAt: FieldPath,
): FieldError[] {
  const { not, allOf = [], anyOf = [], oneOf = [] } = clause.value ?? {};
  const errors = not === undefined ? [] : validateClause(not, schema, at, nestedAt.child('not'));
  for (const [name, clauses] of Object.entries({ allOf, anyOf, oneOf })) {
    for (const [i, each] of clauses.entries()) {
      errors.push(...validateClause(each, schema, at, nestedAt.child(name).index(i)));
    }
  }
  return errors;
}

function validateClause(
  clause: StructuralSchema,
  schema: StructuralSchema | undefined,
  at: FieldPath,
  nestedAt: FieldPath,
): FieldError[] {
  if (schema === undefined) return [required(at, `because it is defined in ${String(nestedAt)}`)];
  const errors = validateClauses(clause, schema, at, nestedAt);
  if (clause.items !== undefined) {
    const [where, nested] = [at.child('items'), nestedAt.child('items')];
    errors.push(...validateClause(clause.items, schema.items, where, nested));
  }
  for (const [name, property] of clause.properties ?? []) {
    const where = at.child('properties').key(name);
    const nested = nestedAt.child('properties').key(name);
    errors.push(...validateClause(property, schema.properties?.get(name), where, nested));
  }
  return errors;
}
