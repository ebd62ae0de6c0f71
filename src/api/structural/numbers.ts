/**
 * Bounds of numbers.
 *
 * Source: kube-openapi pkg/validation/validate (values.go, validator.go). Whole numbers of 64 bits
 * are integers to Go, whose bounds are cut to whole numbers before they are compared; all others
 * are floating point.
 */
import type { StructuralSchema, ValueValidation } from './structural-schema.ts';
import { type Finding, generalFinding, ValidationResult } from './validation-result.ts';

const INT64 = 2 ** 63;
const INT32 = 2 ** 31;
const FLOAT32_MAX = 3.4028234663852886e38;
/** Floating point numbers beyond are no JSON integers to upstream. */
const JSON_INTEGER_MAX = 2 ** 53 - 1;

/** Whether Go has the number as an integer. */
export function isGoInteger(value: number): boolean {
  return Number.isInteger(value) && value >= -INT64 && value < INT64;
}

/** Whether a number that Go has as floating point passes for an integer. */
export function isWhole(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= JSON_INTEGER_MAX;
}

/** A number as Go's `%v` prints it. */
function goNumber(value: number): string {
  if (isGoInteger(value)) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < 1e21) return String(value);
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Math.abs(Number(exponent)).toString().padStart(2, '0');
  return `${digits}e${exponent.startsWith('-') ? '-' : '+'}${power}`;
}

/** The one type and a format that fits it; formats of other types bind nothing. */
interface Range {
  readonly type: 'integer' | 'number' | undefined;
  readonly format: string;
}

function rangeOf({ type, intOrString, value }: StructuralSchema): Range {
  const format = value?.format ?? '';
  if (intOrString) return { type: undefined, format: '' };
  if (type === 'integer') {
    return { type, format: format === 'int32' || format === 'int64' ? format : '' };
  }
  if (type === 'number') {
    return { type, format: format === 'float' || format === 'double' ? format : '' };
  }
  return { type: undefined, format: '' };
}

function fits(value: number, { type, format }: Range): boolean {
  if (type === 'integer') {
    const limit = format === 'int32' ? INT32 : INT64;
    return Number.isInteger(value) && value >= -limit && value < limit;
  }
  return format !== 'float' || Math.abs(value) <= FLOAT32_MAX;
}

function misfit(what: string, value: number, range: Range, path: string): Finding | undefined {
  if (fits(value, range)) return undefined;
  const format = range.format === '' ? '(default format)' : `with format ${range.format}`;
  return generalFinding(`${what} value must be of type ${range.type} ${format} in ${path}`);
}

/** Bound and value as upstream compares them. */
function compared(value: number, bound: number, boundFits: boolean): [number, number] {
  return [value, boundFits && isGoInteger(value) ? Math.trunc(bound) : bound];
}

export function validateNumber(
  value: number,
  schema: StructuralSchema,
  path: string,
): ValidationResult {
  const result = new ValidationResult();
  const range = rangeOf(schema);
  const { multipleOf, maximum, minimum } = schema.value ?? {};
  const odd = misfit('Checked', value, range, path);
  if (odd !== undefined) result.add(odd);
  for (const [what, bound, check] of [
    ['MultipleOf', multipleOf, checkMultiple],
    // Upstream tells of the minimum before the maximum.
    ['Minimum boundary', minimum, checkMinimum],
    ['Maximum boundary', maximum, checkMaximum],
  ] as const) {
    if (bound === undefined) continue;
    const bad = misfit(what, bound, range, path);
    if (bad !== undefined) result.add(bad);
    const [left, right] = compared(value, bound, bad === undefined);
    const finding = check(left, right, schema.value ?? {}, path);
    if (finding !== undefined) result.add(finding);
  }
  result.matches++;
  return result;
}

function bound(path: string, text: string, value: number): Finding {
  return { kind: 'other', path, message: `${path} in body should be ${text}`, value };
}

function checkMultiple(
  value: number,
  factor: number,
  _rules: ValueValidation,
  path: string,
): Finding | undefined {
  if (factor <= 0) {
    const message = `factor MultipleOf declared for ${path} must be positive: ${goNumber(factor)}`;
    return { kind: 'other', path, message, value: factor };
  }
  const whole = factor < 1 ? (1 / factor) * value : value / factor;
  const divides =
    isGoInteger(value) && Number.isInteger(factor) ? value % factor === 0 : isNearWhole(whole);
  return divides ? undefined : bound(path, `a multiple of ${goNumber(factor)}`, value);
}

/** Within the precision that upstream's swag.IsFloat64AJSONInteger allows. */
function isNearWhole(value: number): boolean {
  if (!Number.isFinite(value) || Math.abs(value) > JSON_INTEGER_MAX) return false;
  const rounded = Math.round(value);
  const difference = Math.abs(value - rounded);
  return difference === 0 || difference / (Math.abs(value) + Math.abs(rounded)) < 1e-9;
}

function checkMaximum(
  value: number,
  max: number,
  { exclusiveMaximum }: ValueValidation,
  path: string,
): Finding | undefined {
  if (exclusiveMaximum === true ? value < max : value <= max) return undefined;
  const text = exclusiveMaximum === true ? 'less than' : 'less than or equal to';
  return bound(path, `${text} ${goNumber(max)}`, value);
}

function checkMinimum(
  value: number,
  min: number,
  { exclusiveMinimum }: ValueValidation,
  path: string,
): Finding | undefined {
  if (exclusiveMinimum === true ? value > min : value >= min) return undefined;
  const text = exclusiveMinimum === true ? 'greater than' : 'greater than or equal to';
  return bound(path, `${text} ${goNumber(min)}`, value);
}
