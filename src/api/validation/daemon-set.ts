/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateDaemonSet = (..._: unknown[]): FieldError[] => [];
export const validateDaemonSetStatus = (..._: unknown[]): FieldError[] => [];
export const validateDaemonSetUpdate = (..._: unknown[]): FieldError[] => [];
