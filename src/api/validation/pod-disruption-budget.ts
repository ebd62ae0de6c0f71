/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validatePodDisruptionBudget = (..._: unknown[]): FieldError[] => [];
export const validatePodDisruptionBudgetStatus = (..._: unknown[]): FieldError[] => [];
