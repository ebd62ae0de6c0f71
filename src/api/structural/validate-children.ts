/**
 * Checks the members of an object and the items of a list; see `validate-value.ts`.
 *
 * Source: kube-openapi pkg/validation/validate (object_validator.go, slice_validator.go).
 */
import type { Json, JsonObject } from '../meta/object.ts';
import { equalJson } from '../meta/equal.ts';
import { additionalSchema, type StructuralSchema } from './structural-schema.ts';
import { type Inside, ValidationResult } from './validation-result.ts';

export function validateMembers(
  object: JsonObject,
  schema: StructuralSchema,
  inside: Inside,
): ValidationResult {
  const { path, correlation, check } = inside;
  const result = new ValidationResult();
  const names = Object.keys(object);
  checkSize(result, names.length, schema, path);
  checkAdditional(result, object, schema, inside);
  for (const [name, property] of schema.properties ?? []) {
    if (!Object.hasOwn(object, name)) continue;
    const where = path === '' ? name : `${path}.${name}`;
    // Type and version of a whole object are its URL's: no change of them shows.
    const isType = path === '' && (name === 'kind' || name === 'apiVersion');
    const child = isType ? undefined : correlation?.key(name);
    result.merge(check(object[name] ?? null, property, where, child));
  }
  for (const name of schema.value?.required ?? []) {
    if (Object.hasOwn(object, name)) continue;
    const where = `${path}.${name}`;
    result.add({ kind: 'required', path: where, message: `${where} in body is required` });
  }
  return result;
}

function checkSize(
  result: ValidationResult,
  size: number,
  { value }: StructuralSchema,
  path: string,
): void {
  const { minProperties: min, maxProperties: max } = value ?? {};
  if (min !== undefined && size < min) {
    const message = `${path} in body should have at least ${min} properties`;
    result.add({ kind: 'other', path, message, value: size });
  }
  if (max !== undefined && size > max) {
    const message = `${path} in body should have at most ${max} properties`;
    result.add({ kind: 'tooMany', path, message, value: size, limit: max });
  }
}

function checkAdditional(
  result: ValidationResult,
  object: JsonObject,
  schema: StructuralSchema,
  { path, correlation, check }: Inside,
): void {
  const additional = additionalSchema(schema);
  if (additional === undefined && schema.additionalProperties !== false) return;
  for (const [name, member] of Object.entries(object)) {
    if (schema.properties?.has(name) === true) continue;
    const where = `${path}.${name}`;
    if (additional !== undefined) {
      result.merge(check(member, additional, where, correlation?.key(name)));
      continue;
    }
    const message = `${where} in body is a forbidden property`;
    result.add({ kind: 'other', path, message, value: name });
  }
}

export function validateList(
  list: readonly Json[],
  schema: StructuralSchema,
  inside: Inside,
): ValidationResult {
  const { path, correlation, check } = inside;
  const result = new ValidationResult();
  const { minItems: min, maxItems: max, uniqueItems } = schema.value ?? {};
  if (schema.items !== undefined) {
    for (const [i, item] of list.entries()) {
      result.merge(check(item, schema.items, `${path}[${i}]`, correlation?.index(i)));
    }
  }
  if (min !== undefined && list.length < min) {
    const message = `${path} in body should have at least ${min} items`;
    result.add({ kind: 'other', path, message, value: list.length });
  }
  if (max !== undefined && list.length > max) {
    const message = `${path} in body should have at most ${max} items`;
    result.add({ kind: 'tooMany', path, message, value: list.length, limit: max });
  }
  if (uniqueItems === true && hasTwins(list)) {
    result.add({ kind: 'other', path, message: `${path} in body shouldn't contain duplicates` });
  }
  result.matches++;
  return result;
}

/** Only old schemas ask this: it is forbidden in new ones, for its cost. */
function hasTwins(list: readonly Json[]): boolean {
  return list.some((item, i) => list.slice(0, i).some((other) => equalJson(item, other)));
}
