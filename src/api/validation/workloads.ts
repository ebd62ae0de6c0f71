/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateControllerRevision = (..._: unknown[]): FieldError[] => [];
export const validateControllerRevisionUpdate = (..._: unknown[]): FieldError[] => [];
export const validateReplicaSet = (..._: unknown[]): FieldError[] => [];
export const validateReplicaSetStatus = (..._: unknown[]): FieldError[] => [];
export const validateReplicaSetUpdate = (..._: unknown[]): FieldError[] => [];
export const validateReplicationController = (..._: unknown[]): FieldError[] => [];
