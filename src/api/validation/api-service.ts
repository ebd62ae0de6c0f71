/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateApiService = (..._: unknown[]): FieldError[] => [];
