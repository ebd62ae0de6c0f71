/**
 * Checks a value against its schema: types, bounds, patterns, formats, enums and junctors.
 *
 * Source: kube-openapi pkg/validation/validate (schema.go, type.go, object_validator.go,
 * slice_validator.go, schema_props.go) for order, messages and counts; upstream v1.36
 * apiextensions-apiserver/pkg/apiserver/validation for formats and ratcheting.
 */
import { equalJson } from '../meta/equal.ts';
import type { FieldError, FieldPath } from '../meta/field.ts';
import { isJsonObject } from '../meta/json.ts';
import type { Json } from '../meta/object.ts';
import { goText } from '../meta/json.ts';
import type { Correlation } from './correlation.ts';
import { effectiveFormat, hasFormat } from './formats.ts';
import { isGoInteger, isWhole, validateNumber } from './numbers.ts';
import { compilePattern } from './pattern.ts';
import { validateClauses } from './junctors.ts';
import type { StructuralSchema } from './structural-schema.ts';
import { fieldErrorOf, typeFinding, ValidationResult } from './validation-result.ts';
import { validateList, validateMembers } from './validate-children.ts';

/**
 * Everything that is wrong with `value`. `at`: where it is, when it is not the whole object.
 * `correlation`: on update, of `value`: what did not change is not judged again.
 */
export function validateValue(
  value: Json,
  schema: StructuralSchema,
  { at, correlation }: { readonly at?: FieldPath; readonly correlation?: Correlation } = {},
): FieldError[] {
  const result = checkValue(value, schema, '', correlation);
  return (result.findings ?? []).map((finding) => fieldErrorOf(finding, at));
}

/** `path`: from the place where validation began. */
function checkValue(
  value: Json,
  schema: StructuralSchema,
  path: string,
  correlation?: Correlation,
): ValidationResult {
  const result = value === null ? checkNull(schema, path) : check(value, schema, path, correlation);
  if (!result.isValid && correlation?.isEqual() === true) {
    const forgiven = new ValidationResult();
    forgiven.matches = result.matches;
    return forgiven;
  }
  return result;
}

function typeText({ type, intOrString }: StructuralSchema): string {
  return intOrString ? 'integer,string' : type;
}

function checkNull(schema: StructuralSchema, path: string): ValidationResult {
  const result = new ValidationResult();
  const type = typeText(schema);
  if (type !== '' && !schema.nullable) result.add(typeFinding(path, type, 'null'));
  else result.matches++;
  // Null is never one of the values, even where it is listed.
  if (schema.value?.enum !== undefined) addEnum(result, null, schema.value.enum, path);
  return result;
}

function check(
  value: Exclude<Json, null>,
  schema: StructuralSchema,
  path: string,
  correlation: Correlation | undefined,
): ValidationResult {
  const result = new ValidationResult();
  const rules = schema.value;
  const format = effectiveFormat(schema);
  const inside = { path, correlation, check: checkValue };
  if (typeText(schema) !== '' || format !== '') {
    checkType(result, value, schema, path);
    result.matches++;
  }
  result.merge(validateClauses(value, schema, inside));
  result.matches++;
  if (typeof value === 'string') {
    checkText(result, value, schema, path);
    result.matches++;
    if (hasFormat(format)) {
      checkFormat(result, value, format, path);
      result.matches++;
    }
  } else if (typeof value === 'number') {
    result.merge(validateNumber(value, schema, path));
    result.matches++;
  } else if (Array.isArray(value)) {
    result.merge(validateList(value, schema, inside));
    result.matches++;
  }
  if (rules?.enum !== undefined) addEnum(result, value, rules.enum, path);
  result.matches++;
  if (isJsonObject(value)) {
    result.merge(validateMembers(value, schema, inside));
    result.matches++;
  }
  result.matches++;
  return result;
}

/** The type that a value has, and the format that Go's type of it stands for. */
function typeOfValue(value: Exclude<Json, null>): [type: string, format: string] {
  if (Array.isArray(value)) return ['array', ''];
  switch (typeof value) {
    case 'number':
      return isGoInteger(value) ? ['integer', 'int64'] : ['number', 'float64'];
    case 'string':
    case 'boolean':
      return [typeof value, ''];
    default:
      return ['object', ''];
  }
}

function checkType(
  result: ValidationResult,
  value: Exclude<Json, null>,
  schema: StructuralSchema,
  path: string,
): void {
  const [type, ownFormat] = typeOfValue(value);
  const format = effectiveFormat(schema);
  const allowed = schema.intOrString ? ['integer', 'string'] : [schema.type];
  const fits =
    allowed.includes(type) ||
    (type === 'number' && allowed.includes('integer') && isWhole(Number(value))) ||
    (type === 'integer' && allowed.includes('number'));
  const isTextOrList = typeof value === 'string' || Array.isArray(value);
  if (!isTextOrList && format !== '' && !fits && ownFormat !== format) {
    result.add(typeFinding(path, format, ownFormat));
    return;
  }
  const numeric = allowed.includes('number') || allowed.includes('integer');
  // A format stands for the type of texts (and, in upstream, of lists).
  const formatDecides = !numeric && format !== '' && isTextOrList;
  if (fits || formatDecides) result.matches++;
  else result.add(typeFinding(path, typeText(schema), type));
}

/** Characters, not UTF-16 units. */
function lengthOf(text: string): number {
  let length = text.length;
  for (const part of text.matchAll(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)) length -= part.length;
  return length;
}

function checkText(
  result: ValidationResult,
  text: string,
  schema: StructuralSchema,
  path: string,
): void {
  const { maxLength, minLength, pattern } = schema.value ?? {};
  const length = maxLength === undefined && minLength === undefined ? 0 : lengthOf(text);
  if (maxLength !== undefined && length > maxLength) {
    const message = `${path} in body should be at most ${maxLength} chars long`;
    result.add({ kind: 'tooLong', path, message, value: text, limit: maxLength });
  } else if (minLength !== undefined && length < minLength) {
    const message = `${path} in body should be at least ${minLength} chars long`;
    result.add({ kind: 'other', path, message, value: text });
  } else if (pattern !== undefined) {
    const compiled = compilePattern(pattern);
    if ('error' in compiled || !compiled.test(text)) {
      const why = 'error' in compiled ? `, but pattern is invalid: ${compiled.error}` : '';
      const message = `${path} in body should match '${pattern}${why}'`;
      result.add({ kind: 'other', path, message, value: text });
    }
  }
}

function checkFormat(result: ValidationResult, text: string, format: string, path: string): void {
  if (hasFormat(format)?.(text) === false) result.add(typeFinding(path, format, text));
}

function addEnum(
  result: ValidationResult,
  value: Json,
  allowed: readonly Json[],
  path: string,
): void {
  if (value !== null && allowed.some((candidate) => isEnumValue(value, candidate))) return;
  const message = `${path} in body should be one of ${goText([...allowed])}`;
  result.add({ kind: 'enum', path, message, value, allowed });
}

/** Upstream converts a number to the type of the listed one before it compares. */
function isEnumValue(value: Json, candidate: Json): boolean {
  if (typeof value === 'number' && typeof candidate === 'number' && isGoInteger(candidate)) {
    return Math.trunc(value) === candidate;
  }
  return candidate !== null && equalJson(value, candidate);
}
