/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateEphemeralContainersUpdate = (..._: unknown[]): FieldError[] => [];
export const validatePodResize = (..._: unknown[]): FieldError[] => [];
