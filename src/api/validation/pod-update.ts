/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validatePodUpdate = (..._: unknown[]): FieldError[] => [];
