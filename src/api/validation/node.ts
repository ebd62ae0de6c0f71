/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateNode = (..._: unknown[]): FieldError[] => [];
export const validateNodeUpdate = (..._: unknown[]): FieldError[] => [];
