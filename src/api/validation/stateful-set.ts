/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateStatefulSet = (..._: unknown[]): FieldError[] => [];
export const validateStatefulSetStatus = (..._: unknown[]): FieldError[] => [];
export const validateStatefulSetUpdate = (..._: unknown[]): FieldError[] => [];
