/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validatePersistentVolumeClaim = (..._: unknown[]): FieldError[] => [];
export const validatePersistentVolumeClaimUpdate = (..._: unknown[]): FieldError[] => [];
