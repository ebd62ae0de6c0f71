/**
 * PodCertificateRequest. Upstream: pkg/registry/certificates/podcertificaterequest,
 * pkg/apis/certificates/validation/validation.go.
 */
import type {
  PodCertificateRequest,
  PodCertificateRequestSpec,
} from '#api/gen/certificates-v1beta1.ts';
import { defineKind, type WriteContext } from '../kind.ts';
import { column, formatLabels, NAME_COLUMN, wideColumn } from '../meta/columns.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  fieldPath,
  invalidValue,
  notSupported,
  OMITTED,
  required,
  tooLong,
} from '../meta/field.ts';
import { isQualifiedName, nameIsDnsSubdomain } from '../meta/names.ts';
import { immutable, invalidAll, validateConditions } from '../validation/metadata.ts';
import { validateSignerName } from '../validation/signer-name.ts';
import { validateIssued } from './pod-certificate-chain.ts';
import { validateKeyAndProof, validateStubRequest } from './pod-certificate-key.ts';

const SPEC = fieldPath('spec');
const STATUS = fieldPath('status');
const UID_MAX = 128;
const EXPIRATION_SECONDS_MIN = 3_600;
const EXPIRATION_SECONDS_MAX = 91 * 86_400;
const KUBERNETES_EXPIRATION_SECONDS_MAX = 86_400;
const ANNOTATIONS_BYTES_MAX = 256 * 1024;
const STATES = ['Issued', 'Denied', 'Failed'];

function validateNamed(spec: PodCertificateRequestSpec): FieldError[] {
  const name = (field: 'podName' | 'serviceAccountName' | 'nodeName'): FieldError[] =>
    invalidAll(SPEC.child(field), spec[field], nameIsDnsSubdomain(spec[field] ?? '', false));
  const uid = (field: 'podUID' | 'serviceAccountUID' | 'nodeUID'): FieldError[] => {
    const at = SPEC.child(field);
    if (!spec[field]) return [invalidValue(at, '', 'must not be empty')];
    return Buffer.byteLength(spec[field]) > UID_MAX ? [tooLong(at, UID_MAX)] : [];
  };
  return [
    ...name('podName'),
    ...uid('podUID'),
    ...name('serviceAccountName'),
    ...uid('serviceAccountUID'),
    ...name('nodeName'),
    ...uid('nodeUID'),
  ];
}

function validateExpiration({ maxExpirationSeconds, signerName }: PodCertificateRequestSpec) {
  const at = SPEC.child('maxExpirationSeconds');
  if (maxExpirationSeconds === undefined) return [required(at, 'must be set')];
  const isOurs = `.${signerName?.split('/')[0] ?? ''}`.endsWith('.kubernetes.io');
  const most = isOurs ? KUBERNETES_EXPIRATION_SECONDS_MAX : EXPIRATION_SECONDS_MAX;
  if (maxExpirationSeconds >= EXPIRATION_SECONDS_MIN && maxExpirationSeconds <= most) return [];
  const detail = `must be in the range [${EXPIRATION_SECONDS_MIN}, ${most}]`;
  return [invalidValue(at, maxExpirationSeconds, detail)];
}

/** Annotations that only signers read: every key is one of somebody's domain. */
function validateUserAnnotations({ unverifiedUserAnnotations }: PodCertificateRequestSpec) {
  const at = SPEC.child('unverifiedUserAnnotations');
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(unverifiedUserAnnotations ?? {})) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    const key = name.toLowerCase();
    const messages = isQualifiedName(key);
    if (key === '') errors.push(required(at));
    else if (messages.length > 0) errors.push(...invalidAll(at, key, messages));
    else if (!key.includes('/')) {
      const detail = 'must be a domain-prefixed key (such as "acme.io/foo")';
      errors.push(invalidValue(at, key, detail));
    }
  }
  return bytes > ANNOTATIONS_BYTES_MAX ? [...errors, tooLong(at, ANNOTATIONS_BYTES_MAX)] : errors;
}

const withoutValue = (detail: string, at = SPEC): FieldError => invalidValue(at, OMITTED, detail);

function validateKey(spec: PodCertificateRequestSpec): FieldError[] {
  const stub = Boolean(spec.stubPKCS10Request);
  const key = Boolean(spec.pkixPublicKey);
  const proof = Boolean(spec.proofOfPossession);
  if (stub && !key && !proof) return validateStubRequest(spec);
  if (!stub && key && proof) return validateKeyAndProof(spec);
  return [
    withoutValue(
      'exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set',
    ),
  ];
}

function validateNew({ spec }: PodCertificateRequest): FieldError[] {
  if (spec === undefined) return [required(SPEC)];
  const expiration = validateExpiration(spec);
  return [
    ...validateSignerName(spec.signerName, SPEC.child('signerName')),
    ...validateUserAnnotations(spec),
    ...validateNamed(spec),
    ...expiration,
    ...(spec.maxExpirationSeconds === undefined ? [] : validateKey(spec)),
  ];
}

const stateOf = ({ status }: PodCertificateRequest): string | undefined =>
  status?.conditions?.find(({ type, status: is }) => STATES.includes(type) && is === 'True')?.type;

/** Outcomes alone, one at most, and true. */
function validateOutcomes({ status }: PodCertificateRequest): FieldError[] {
  const errors: FieldError[] = [];
  let outcomes = 0;
  for (const [i, { type = '', status: is = '' }] of (status?.conditions ?? []).entries()) {
    // Upstream has a point before the index here.
    const at = STATUS.child('conditions', `[${i}]`);
    if (!STATES.includes(type)) {
      errors.push(notSupported(at.child('type'), type, STATES));
      continue;
    }
    outcomes++;
    if (outcomes > 1) {
      const detail = 'There may be at most one condition with type "Issued", "Denied", or "Failed"';
      errors.push(invalidValue(at.child('type'), type, detail));
    }
    if (is !== 'True') errors.push(notSupported(at.child('status'), is, ['True']));
  }
  return errors;
}

/** The status is written once, with one of three outcomes. */
function validateStatus(
  next: PodCertificateRequest,
  old: PodCertificateRequest,
  { nowMs }: Pick<WriteContext, 'nowMs'>,
): FieldError[] {
  const conditions = next.status?.conditions;
  const errors = [
    ...validateOutcomes(next),
    ...validateConditions(conditions, STATUS.child('conditions')),
  ];
  if (errors.length > 0) return errors;
  const same = (other: unknown, detail: string): FieldError[] =>
    equalValues(next.status ?? {}, other ?? {}) ? [] : [withoutValue(detail, STATUS)];
  if (stateOf(old) !== undefined)
    return same(old.status, 'immutable after PodCertificateRequest is issued, denied, or failed');
  const state = stateOf(next);
  if (state === 'Issued') return validateIssued(next, old, nowMs);
  if (state !== undefined) {
    const detail =
      'non-condition status fields must be empty when denying or failing the PodCertificateRequest';
    return same({ conditions }, detail);
  }
  const detail = 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"';
  return same(old.status, detail);
}

export const POD_CERTIFICATE_REQUEST = defineKind<PodCertificateRequest>({
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  kind: 'PodCertificateRequest',
  plural: 'podcertificaterequests',
  namespaced: true,
  schema: 'io.k8s.api.certificates.v1beta1.PodCertificateRequest',
  featureGate: 'PodCertificateRequest',
  hasStatus: true,
  countsGeneration: false,
  selectableFields: {
    'spec.signerName': ({ spec }) => spec?.signerName ?? '',
    'spec.podName': ({ spec }) => spec?.podName ?? '',
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
  },
  columns: [
    NAME_COLUMN,
    column('PodName', ({ spec }) => spec?.podName ?? ''),
    column('ServiceAccountName', ({ spec }) => spec?.serviceAccountName ?? ''),
    column('NodeName', ({ spec }) => spec?.nodeName ?? ''),
    column('SignerName', ({ spec }) => spec?.signerName ?? ''),
    column('State', (request) => stateOf(request) ?? 'Pending'),
    wideColumn('UnverifiedUserAnnotations', ({ spec }) =>
      formatLabels(spec?.unverifiedUserAnnotations),
    ),
  ],
  setDefaults: ({ spec }) => {
    if (spec !== undefined) spec.maxExpirationSeconds ??= KUBERNETES_EXPIRATION_SECONDS_MAX;
  },
  prepareForCreate: (request) => {
    request.status = {};
  },
  validateCreate: validateNew,
  validateUpdate: (next, old) => immutable(next.spec, old.spec, SPEC),
  validateStatus,
});
