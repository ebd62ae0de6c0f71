/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validatePodStatusUpdate = (..._: unknown[]): FieldError[] => [];
