/** ControllerRevisions. Upstream: pkg/apis/apps/validation. */
import type { ControllerRevision } from '#api/gen/apps-v1.ts';
import { equalJson } from '../meta/equal.ts';
import { type FieldError, fieldPath, invalidValue, required } from '../meta/field.ts';
import { IMMUTABLE, nonnegative } from './metadata.ts';

const DATA = fieldPath('data');

export function validateControllerRevision({ revision }: ControllerRevision): FieldError[] {
  return nonnegative(revision, fieldPath('revision'));
}

export function validateControllerRevisionCreate({ data }: ControllerRevision): FieldError[] {
  if (data === undefined || data === null) return [required(DATA, 'data is mandatory')];
  if (typeof data === 'object' && !Array.isArray(data)) return [];
  return [required(DATA, 'data must be a valid JSON object')];
}

/** The data are bytes to upstream: an empty object is not the same as none. */
export function validateControllerRevisionUpdate(
  next: ControllerRevision,
  old: ControllerRevision,
): FieldError[] {
  const isSame = equalJson(next.data ?? null, old.data ?? null);
  return isSame ? [] : [invalidValue(DATA, next.data, IMMUTABLE)];
}
