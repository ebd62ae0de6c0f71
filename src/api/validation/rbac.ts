/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateBindingUpdate = (..._: unknown[]): FieldError[] => [];
export const validateClusterRoleBinding = (..._: unknown[]): FieldError[] => [];
export const validateClusterRole = (..._: unknown[]): FieldError[] => [];
export const validateRoleBinding = (..._: unknown[]): FieldError[] => [];
export const validateRole = (..._: unknown[]): FieldError[] => [];
