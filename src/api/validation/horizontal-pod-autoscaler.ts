/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateHorizontalPodAutoscaler = (..._: unknown[]): FieldError[] => [];
export const validateHorizontalPodAutoscalerStatus = (..._: unknown[]): FieldError[] => [];
