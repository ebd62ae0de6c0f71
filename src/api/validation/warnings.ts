/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const warnAboutTemplate = (..._: unknown[]): string[] => [];
export const warnAboutName = (..._: unknown[]): string[] => [];
export const warnAboutPod = (..._: unknown[]): string[] => [];
