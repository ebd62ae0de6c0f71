/** Numbers that may be a share: `3` or `25%`. Upstream: pkg/apis/apps/validation/validation.go. */
import { type FieldError, type FieldPath, invalidValue } from '../meta/field.ts';
import { isPercent } from '../meta/names.ts';
import { invalidAll, nonnegative } from './metadata.ts';

type IntOrPercent = number | string | undefined;

export function validateIntOrPercent(value: IntOrPercent, at: FieldPath): FieldError[] {
  return typeof value === 'string'
    ? invalidAll(at, value, isPercent(value))
    : nonnegative(value, at);
}

/** The number of a value, of its percentage, or that a text is; 0 for anything else. */
export function intOrPercentNumber(value: IntOrPercent): number {
  if (typeof value !== 'string') return value ?? 0;
  if (isPercent(value).length === 0) return Number(value.slice(0, -1));
  return /^[-+]?\d+$/.test(value) ? Number(value) : 0;
}

export function atMostAll(value: IntOrPercent, at: FieldPath): FieldError[] {
  return typeof value === 'string' &&
    isPercent(value).length === 0 &&
    intOrPercentNumber(value) > 100
    ? [invalidValue(at, value, 'must not be greater than 100%')]
    : [];
}
