/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validatePod = (..._: unknown[]): FieldError[] => [];
export const validatePodCreate = (..._: unknown[]): FieldError[] => [];
