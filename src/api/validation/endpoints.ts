/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateEndpoints = (..._: unknown[]): FieldError[] => [];
export const validateEndpointSlice = (..._: unknown[]): FieldError[] => [];
export const validateEndpointSliceUpdate = (..._: unknown[]): FieldError[] => [];
