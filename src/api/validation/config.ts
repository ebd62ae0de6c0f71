/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateConfigMap = (..._: unknown[]): FieldError[] => [];
export const validateConfigMapUpdate = (..._: unknown[]): FieldError[] => [];
export const validateSecret = (..._: unknown[]): FieldError[] => [];
export const validateSecretUpdate = (..._: unknown[]): FieldError[] => [];
