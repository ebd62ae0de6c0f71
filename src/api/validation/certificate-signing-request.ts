/* INTERIM */
import type { FieldError } from '../meta/field.ts';
export const validateApproval = (..._: unknown[]): FieldError[] => [];
export const validateCertificateSigningRequest = (..._: unknown[]): FieldError[] => [];
export const validateCertificateSigningRequestStatus = (..._: unknown[]): FieldError[] => [];
