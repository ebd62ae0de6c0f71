/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateNamespaceFinalizers = (..._: unknown[]): FieldError[] => [];
export const validateNamespaceStatus = (..._: unknown[]): FieldError[] => [];
