/** ControllerRevisions. Upstream: pkg/apis/apps/validation. */
import type { ControllerRevision } from '#api/gen/apps-v1.ts';
import { type FieldError, fieldPath, required } from '../meta/field.ts';
import { immutable, nonnegative } from './metadata.ts';

export function validateControllerRevision({ revision, data }: ControllerRevision): FieldError[] {
  const errors = nonnegative(revision, fieldPath('revision'));
  if (data === undefined || data === null)
    return [...errors, required(fieldPath('data'), 'data is mandatory')];
  if (typeof data === 'object' && !Array.isArray(data)) return errors;
  return [...errors, required(fieldPath('data'), 'data must be a valid JSON object')];
}

export function validateControllerRevisionUpdate(
  next: ControllerRevision,
  old: ControllerRevision,
): FieldError[] {
  return immutable(next.data, old.data, fieldPath('data'));
}
