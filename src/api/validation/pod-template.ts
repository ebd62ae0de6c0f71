/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validatePodTemplate = (..._: unknown[]): FieldError[] => [];
