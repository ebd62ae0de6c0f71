/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateCustomResourceDefinition = (..._: unknown[]): FieldError[] => [];
export const validateCustomResourceDefinitionUpdate = (..._: unknown[]): FieldError[] => [];
