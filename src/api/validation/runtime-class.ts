/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateRuntimeClass = (..._: unknown[]): FieldError[] => [];
export const validateRuntimeClassUpdate = (..._: unknown[]): FieldError[] => [];
