/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateDeployment = (..._: unknown[]): FieldError[] => [];
export const validateDeploymentStatus = (..._: unknown[]): FieldError[] => [];
export const validateDeploymentUpdate = (..._: unknown[]): FieldError[] => [];
