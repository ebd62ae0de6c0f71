/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const nameIsIpAddress = (..._: unknown[]): string[] => [];
export const validateIpAddress = (..._: unknown[]): FieldError[] => [];
export const validateIpAddressUpdate = (..._: unknown[]): FieldError[] => [];
export const validateServiceCidr = (..._: unknown[]): FieldError[] => [];
export const validateServiceCidrStatus = (..._: unknown[]): FieldError[] => [];
export const validateServiceCidrUpdate = (..._: unknown[]): FieldError[] => [];
