/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateLease = (..._: unknown[]): FieldError[] => [];
