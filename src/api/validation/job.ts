/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateJob = (..._: unknown[]): FieldError[] => [];
export const validateJobCreate = (..._: unknown[]): FieldError[] => [];
export const validateJobStatus = (..._: unknown[]): FieldError[] => [];
export const validateJobUpdate = (..._: unknown[]): FieldError[] => [];
