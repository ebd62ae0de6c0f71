/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateLocalSubjectAccessReview = (..._: unknown[]): FieldError[] => [];
export const validateSelfSubjectAccessReview = (..._: unknown[]): FieldError[] => [];
export const validateSubjectAccessReview = (..._: unknown[]): FieldError[] => [];
