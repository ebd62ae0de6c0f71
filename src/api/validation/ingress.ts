/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateIngressClass = (..._: unknown[]): FieldError[] => [];
export const validateIngressClassUpdate = (..._: unknown[]): FieldError[] => [];
export const validateIngress = (..._: unknown[]): FieldError[] => [];
export const validateIngressCreate = (..._: unknown[]): FieldError[] => [];
