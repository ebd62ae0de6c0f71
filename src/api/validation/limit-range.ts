/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateLimitRange = (..._: unknown[]): FieldError[] => [];
