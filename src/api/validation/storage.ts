/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateCsiDriver = (..._: unknown[]): FieldError[] => [];
export const validateCsiDriverUpdate = (..._: unknown[]): FieldError[] => [];
export const validateCsiNode = (..._: unknown[]): FieldError[] => [];
export const validateCsiNodeUpdate = (..._: unknown[]): FieldError[] => [];
export const validateCsiStorageCapacity = (..._: unknown[]): FieldError[] => [];
export const validateCsiStorageCapacityUpdate = (..._: unknown[]): FieldError[] => [];
export const validateStorageClass = (..._: unknown[]): FieldError[] => [];
export const validateStorageClassUpdate = (..._: unknown[]): FieldError[] => [];
export const validateVolumeAttachment = (..._: unknown[]): FieldError[] => [];
export const validateVolumeAttachmentUpdate = (..._: unknown[]): FieldError[] => [];
export const validateVolumeAttributesClass = (..._: unknown[]): FieldError[] => [];
export const validateVolumeAttributesClassUpdate = (..._: unknown[]): FieldError[] => [];
