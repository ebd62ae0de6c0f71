/**
 * Requests for certificates and their approval.
 *
 * Source: upstream pkg/apis/certificates/validation/validation.go.
 */
import { X509Certificate } from 'node:crypto';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  KeyUsage,
} from '#api/gen/certificates-v1.ts';
import { checkRequestSignature } from '#base/csr.ts';
import { pemBlocks } from '#base/pem.ts';
import { messageOf } from '#base/error.ts';
import { equalValues } from '../meta/equal.ts';
import {
  duplicate,
  type FieldError,
  fieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { oneOf, present } from './common.ts';
import { validateSignerName } from './signer-name.ts';

const SPEC = fieldPath('spec');
const CONDITIONS = fieldPath('status').child('conditions');
const CERTIFICATE = fieldPath('status').child('certificate');
const EXPIRATION_SECONDS_MIN = 600;
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
const DECISIONS = ['Approved', 'Denied'];
/** Conditions that are there or not: they have no other status. */
const FINAL = [...DECISIONS, 'Failed'];
const USAGES: readonly KeyUsage[] = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

function validateRequest(request: string): FieldError[] {
  try {
    checkRequestSignature(Buffer.from(request, 'base64').toString());
    return [];
  } catch (error) {
    return [invalidValue(SPEC.child('request'), request, messageOf(error))];
  }
}

function validateUsages(usages: readonly KeyUsage[]): FieldError[] {
  const at = SPEC.child('usages');
  return [
    ...present(usages, at),
    ...usages.flatMap((usage, i) =>
      USAGES.includes(usage) ? [] : [notSupported(at.index(i), usage, USAGES)],
    ),
    ...usages.flatMap((usage, i) =>
      usages.indexOf(usage) < i ? [duplicate(at.index(i), usage)] : [],
    ),
  ];
}

/** Beyond metadata, on create: afterwards the spec never changes. */
export function validateCertificateSigningRequestCreate({
  spec,
}: CertificateSigningRequest): FieldError[] {
  const { request = '', usages = [], signerName, expirationSeconds: seconds } = spec ?? {};
  const errors = [...validateRequest(request), ...validateUsages(usages)];
  const signer = SPEC.child('signerName');
  if (signerName === LEGACY_SIGNER) {
    const detail = 'the legacy signerName is not allowed via this API version';
    errors.push(invalidValue(signer, signerName, detail));
  } else errors.push(...validateSignerName(signerName, signer));
  if (seconds !== undefined && seconds < EXPIRATION_SECONDS_MIN) {
    const detail = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalidValue(SPEC.child('expirationSeconds'), seconds, detail));
  }
  return errors;
}

function validateConditions({ status }: CertificateSigningRequest): FieldError[] {
  const seen = new Set<string>();
  return (status?.conditions ?? []).flatMap(
    ({ type = '', status: value }: Partial<CertificateSigningRequestCondition>, i) => {
      const at = CONDITIONS.index(i);
      const values = FINAL.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
      const errors = type === '' ? [required(at.child('type'))] : [];
      errors.push(...oneOf(value, values, at.child('status')));
      const other = DECISIONS.includes(type) && DECISIONS.find((decision) => decision !== type);
      if (other && seen.has(other)) {
        const detail = 'Approved and Denied conditions are mutually exclusive';
        errors.push(invalidValue(CONDITIONS, type, detail));
      }
      if (seen.has(type)) errors.push(duplicate(at.child('type'), type));
      seen.add(type);
      return errors;
    },
  );
}

/** What is wrong with a chain of certificates in PEM; undefined when nothing is. */
function certificateError(text: string): string | undefined {
  const blocks = pemBlocks(text);
  for (const { label, hasHeaders, text: block } of blocks) {
    if (label !== 'CERTIFICATE') {
      return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(label)}`;
    }
    if (hasHeaders) return 'no PEM block headers are permitted';
    try {
      new X509Certificate(block);
    } catch (error) {
      return messageOf(error);
    }
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

function validateCertificate(certificate: string): FieldError[] {
  if (certificate === '') return [];
  const error = certificateError(Buffer.from(certificate, 'base64').toString());
  return error === undefined ? [] : [invalidValue(CERTIFICATE, '<certificate data>', error)];
}

function ofType({ status }: CertificateSigningRequest, type: string): unknown[] {
  return (status?.conditions ?? []).filter((condition) => condition.type === type);
}

interface Allowed {
  readonly decisions?: boolean;
  readonly certificate?: boolean;
}

function validateChange(
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
  { decisions = false, certificate = false }: Allowed,
): FieldError[] {
  const errors = validateConditions(next);
  const refuse = (verb: string, type: string): void => {
    const detail = `updates may not ${verb} a condition of type ${JSON.stringify(type)}`;
    errors.push(forbiddenField(CONDITIONS, detail));
  };
  for (const type of FINAL) {
    if (ofType(next, type).length < ofType(old, type).length) refuse('remove', type);
  }
  for (const type of decisions ? [] : DECISIONS) {
    const [after, before] = [ofType(next, type), ofType(old, type)];
    if (after.length > before.length) refuse('add', type);
    else if (after.length === before.length && !equalValues(after, before)) refuse('modify', type);
  }
  const [after = '', before = ''] = [next.status?.certificate, old.status?.certificate];
  if (after === before) return errors;
  errors.push(...validateCertificate(after));
  if (!certificate) {
    errors.push(forbiddenField(CERTIFICATE, 'updates may not set certificate content'));
  } else if (before !== '') {
    const detail = 'updates may not modify existing certificate content';
    errors.push(forbiddenField(CERTIFICATE, detail));
  }
  return errors;
}

export const validateCertificateSigningRequestStatus = (
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
): FieldError[] => validateChange(next, old, { certificate: true });

export const validateApproval = (
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
): FieldError[] => validateChange(next, old, { decisions: true });
