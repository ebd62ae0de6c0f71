/** Small rules that many fields share. Each answers a list of errors. */
import {
  type FieldError,
  type FieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import {
  HTTP_PATH_ERROR,
  isDns1123Label,
  isDns1123Subdomain,
  isHttpPath,
  isPathSegmentName,
  isPortNumber,
  isQualifiedName,
} from '../meta/names.ts';
import { invalidAll } from './metadata.ts';

export function label(value: string | undefined, at: FieldPath): FieldError[] {
  return invalidAll(at, value ?? '', isDns1123Label(value ?? ''));
}

export function subdomain(value: string | undefined, at: FieldPath): FieldError[] {
  return invalidAll(at, value ?? '', isDns1123Subdomain(value ?? ''));
}

export function qualifiedName(value: string | undefined, at: FieldPath): FieldError[] {
  return invalidAll(at, value ?? '', isQualifiedName(value ?? ''));
}

/** Something must be there: not absent, empty or an empty list. */
export function present(
  value: string | readonly unknown[] | undefined,
  at: FieldPath,
  detail = '',
): FieldError[] {
  return value === undefined || value.length === 0 ? [required(at, detail)] : [];
}

/** One of `allowed`, which upstream lists in this order. Absence is `Required value`. */
export function oneOf(
  value: string | undefined,
  allowed: readonly string[],
  at: FieldPath,
): FieldError[] {
  if (value === undefined || value === '') return [required(at)];
  return allowed.includes(value) ? [] : [notSupported(at, value, allowed)];
}

/** As `oneOf`, but absence is fine. */
export function optionalOneOf(
  value: string | undefined,
  allowed: readonly string[],
  at: FieldPath,
): FieldError[] {
  return value === undefined || allowed.includes(value) ? [] : [notSupported(at, value, allowed)];
}

/** As `oneOf`, of a pointer: empty is a value that is not allowed, absence is `Required value`. */
export function pointerOneOf(
  value: string | undefined,
  allowed: readonly string[],
  at: FieldPath,
): FieldError[] {
  return value === undefined ? [required(at)] : optionalOneOf(value, allowed, at);
}

export function positive(value: number | undefined, at: FieldPath): FieldError[] {
  return (value ?? 0) > 0 ? [] : [invalidValue(at, value ?? 0, 'must be greater than zero')];
}

/** Groups and users: what the kernel and runtimes can hold. */
export function unixId(value: number | undefined, at: FieldPath): FieldError[] {
  const max = 2 ** 31 - 1;
  return value === undefined || (value >= 0 && value <= max)
    ? []
    : [invalidValue(at, value, `must be between 0 and ${max}, inclusive`)];
}

/** A needed name that can be one segment of a path: kinds and names of references. */
export function segment(value: string | undefined, at: FieldPath): FieldError[] {
  return value ? invalidAll(at, value, isPathSegmentName(value)) : [required(at)];
}

export function portNumber(value: number | undefined, at: FieldPath): FieldError[] {
  return invalidAll(at, value ?? 0, isPortNumber(value ?? 0));
}

/** `acme.io/foo` (upstream IsDomainPrefixedPath). */
export function validateDomainPath(path: string, at: FieldPath): FieldError[] {
  if (path === '') return [required(at)];
  const slash = path.indexOf('/');
  const host = path.slice(0, Math.max(slash, 0));
  const rest = path.slice(slash + 1);
  if (host === '' || rest === '') {
    return [invalidValue(at, path, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  const errors = invalidAll(at, host, isDns1123Subdomain(host));
  if (!isHttpPath(rest)) errors.push(invalidValue(at, rest, HTTP_PATH_ERROR));
  return errors;
}
