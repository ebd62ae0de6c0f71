/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validatePriorityClass = (..._: unknown[]): FieldError[] => [];
export const validatePriorityClassUpdate = (..._: unknown[]): FieldError[] => [];
