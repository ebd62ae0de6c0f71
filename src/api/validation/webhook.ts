/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateWebhooks = (..._: unknown[]): FieldError[] => [];
