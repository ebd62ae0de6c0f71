/** Validation of file paths within volumes. Upstream: pkg/apis/core/validation/validation.go. */
import { type FieldError, type FieldPath, invalidValue } from '../meta/field.ts';

const FILE_MODE_MAX = 0o777;

export function noBacksteps(path: string, at: FieldPath): FieldError[] {
  return path.split('/').includes('..') ? [invalidValue(at, path, "must not contain '..'")] : [];
}

/** Relative, and never leaving its folder. */
export function descendingPath(path: string, at: FieldPath): FieldError[] {
  const errors = path.startsWith('/') ? [invalidValue(at, path, 'must be a relative path')] : [];
  return [...errors, ...noBacksteps(path, at)];
}

/** As `descendingPath`, and not a name that volumes use for themselves (`..data`). */
export function nonReservedPath(path: string, at: FieldPath): FieldError[] {
  const errors = descendingPath(path, at);
  if (path.startsWith('..') && !path.startsWith('../'))
    errors.push(invalidValue(at, path, "must not start with '..'"));
  return errors;
}

export function validateFileMode(mode: number | undefined, at: FieldPath): FieldError[] {
  return mode !== undefined && (mode > FILE_MODE_MAX || mode < 0)
    ? [invalidValue(at, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];
}
