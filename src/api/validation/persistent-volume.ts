/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validatePersistentVolume = (..._: unknown[]): FieldError[] => [];
export const validatePersistentVolumeUpdate = (..._: unknown[]): FieldError[] => [];
