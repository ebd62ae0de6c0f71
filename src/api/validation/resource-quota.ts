/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateResourceQuota = (..._: unknown[]): FieldError[] => [];
export const validateResourceQuotaStatus = (..._: unknown[]): FieldError[] => [];
export const validateResourceQuotaUpdate = (..._: unknown[]): FieldError[] => [];
