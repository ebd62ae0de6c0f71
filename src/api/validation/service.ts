/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateService = (..._: unknown[]): FieldError[] => [];
export const validateServiceStatus = (..._: unknown[]): FieldError[] => [];
export const validateServiceUpdate = (..._: unknown[]): FieldError[] => [];
