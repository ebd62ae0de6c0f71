/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateEvent = (..._: unknown[]): FieldError[] => [];
export const validateEventCreate = (..._: unknown[]): FieldError[] => [];
export const validateEventUpdate = (..._: unknown[]): FieldError[] => [];
export const validateNewEvent = (..._: unknown[]): FieldError[] => [];
