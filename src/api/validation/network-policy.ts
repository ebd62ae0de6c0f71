/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateNetworkPolicy = (..._: unknown[]): FieldError[] => [];
