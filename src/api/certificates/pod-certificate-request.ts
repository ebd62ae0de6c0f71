/**
 * PodCertificateRequest. Upstream: pkg/registry/certificates/podcertificaterequest,
 * pkg/apis/certificates/validation/validation.go.
 *
 * The key's proof of possession and the issued chain are for the signer and the kubelet to check.
 */
import type {
  PodCertificateRequest,
  PodCertificateRequestSpec,
} from '#api/gen/certificates-v1beta1.ts';
import { defineKind } from '../kind.ts';
import { column, formatLabels, NAME_COLUMN, wideColumn } from '../meta/columns.ts';
import { equalValues } from '../meta/equal.ts';
import { FieldError, fieldPath, invalidValue, required, tooLong } from '../meta/field.ts';
import { nameIsDnsSubdomain } from '../meta/names.ts';
import { immutable, invalidAll, validateConditions } from '../validation/metadata.ts';
import { validateSignerName } from '../validation/signer-name.ts';

const SPEC = fieldPath('spec');
const STATUS = fieldPath('status');
const UID_MAX = 128;
const EXPIRATION_SECONDS_MIN = 3_600;
const EXPIRATION_SECONDS_MAX = 91 * 86_400;
const KUBERNETES_EXPIRATION_SECONDS_MAX = 86_400;
const STATES = ['Issued', 'Denied', 'Failed'];

function validateNamed(spec: PodCertificateRequestSpec): FieldError[] {
  const name = (field: 'podName' | 'serviceAccountName' | 'nodeName'): FieldError[] =>
    invalidAll(SPEC.child(field), spec[field], nameIsDnsSubdomain(spec[field] ?? '', false));
  const uid = (field: 'podUID' | 'serviceAccountUID' | 'nodeUID'): FieldError[] => {
    const at = SPEC.child(field);
    if (!spec[field]) return [invalidValue(at, '', 'must not be empty')];
    return spec[field].length > UID_MAX ? [tooLong(at, UID_MAX)] : [];
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
  const isOurs = signerName?.split('/')[0]?.endsWith('kubernetes.io') === true;
  const most = isOurs ? KUBERNETES_EXPIRATION_SECONDS_MAX : EXPIRATION_SECONDS_MAX;
  if (maxExpirationSeconds >= EXPIRATION_SECONDS_MIN && maxExpirationSeconds <= most) return [];
  const detail = `must be in the range [${EXPIRATION_SECONDS_MIN}, ${most}]`;
  return [invalidValue(at, maxExpirationSeconds, detail)];
}

function withoutValue(detail: string, at = SPEC): FieldError {
  return new FieldError({ type: 'FieldValueInvalid', field: at, detail });
}

function validateKey(spec: PodCertificateRequestSpec): FieldError[] {
  const stub = Boolean(spec.stubPKCS10Request);
  const key = Boolean(spec.pkixPublicKey);
  const proof = Boolean(spec.proofOfPossession);
  if ((stub && !key && !proof) || (!stub && key && proof)) return [];
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
    ...validateNamed(spec),
    ...expiration,
    ...(spec.maxExpirationSeconds === undefined ? [] : validateKey(spec)),
  ];
}

const stateOf = ({ status }: PodCertificateRequest): string | undefined =>
  status?.conditions?.find(({ type, status: is }) => STATES.includes(type) && is === 'True')?.type;

/** The status is written once, with one of three outcomes. */
function validateOutcome(next: PodCertificateRequest, old: PodCertificateRequest): FieldError[] {
  if (equalValues(next.status ?? {}, old.status ?? {})) return [];
  if (stateOf(old) !== undefined)
    return [
      withoutValue('immutable after PodCertificateRequest is issued, denied, or failed', STATUS),
    ];
  if (stateOf(next) === undefined) {
    const detail = 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"';
    return [withoutValue(detail, STATUS)];
  }
  return validateConditions(next.status?.conditions, STATUS.child('conditions'));
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
  validateStatus: validateOutcome,
});
