/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateCronJob = (..._: unknown[]): FieldError[] => [];
export const validateCronJobUpdate = (..._: unknown[]): FieldError[] => [];
