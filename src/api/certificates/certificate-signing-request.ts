/**
 * CertificateSigningRequest: who asks is taken from the request, never from the object.
 *
 * Source: upstream pkg/registry/certificates/certificates/strategy.go.
 */
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import { defineKind, type WriteContext } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { humanDuration } from '../meta/duration.ts';
import { nameIsPathSegment } from '../meta/names.ts';
import { timeText } from '../meta/time.ts';
import {
  validateApproval,
  validateCertificateSigningRequestCreate,
  validateCertificateSigningRequestStatus,
} from '../validation/certificate-signing-request.ts';

function conditionText({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type) === true;
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${decision}${has('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`;
}

function setRequester(request: CertificateSigningRequest, { user }: WriteContext): void {
  if (request.spec === undefined) return;
  const { username: _name, uid: _uid, groups: _groups, extra: _extra, ...asked } = request.spec;
  const extra = Object.entries(user.extra ?? {}).map(
    ([key, values]) => [key, [...values]] satisfies [string, string[]],
  );
  request.spec = {
    ...asked,
    ...(user.name === '' ? {} : { username: user.name }),
    ...(user.uid === undefined || user.uid === '' ? {} : { uid: user.uid }),
    ...(user.groups.length === 0 ? {} : { groups: [...user.groups] }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
  };
}

/** New conditions get times; those of conditions that were there before stay. */
function stampConditions(
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
  nowMs: number,
): void {
  const now = timeText(nowMs);
  for (const condition of next.status?.conditions ?? []) {
    condition.lastUpdateTime ??= now;
    if (condition.lastTransitionTime !== undefined) continue;
    const before = old.status?.conditions?.find(
      ({ type, status, lastTransitionTime }) =>
        type === condition.type && status === condition.status && lastTransitionTime !== undefined,
    );
    condition.lastTransitionTime = before?.lastTransitionTime ?? now;
  }
}

/**
 * Approval is a view of its own: a status write leaves these conditions as they were. When it adds
 * or removes one, it stays so for validation to refuse.
 */
function keepDecisions(next: CertificateSigningRequest, old: CertificateSigningRequest): void {
  for (const type of ['Approved', 'Denied']) {
    const before = (old.status?.conditions ?? []).filter((condition) => condition.type === type);
    const conditions = next.status?.conditions ?? [];
    if (conditions.filter((condition) => condition.type === type).length !== before.length)
      continue;
    for (const [i, condition] of conditions.entries()) {
      if (condition.type === type) conditions[i] = before.shift() ?? condition;
    }
  }
}

export const CERTIFICATE_SIGNING_REQUEST = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  shortNames: ['csr'],
  namespaced: false,
  schema: 'io.k8s.api.certificates.v1.CertificateSigningRequest',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
  columns: [
    NAME_COLUMN,
    AGE_COLUMN,
    column('SignerName', ({ spec }) => spec?.signerName || '<none>'),
    column('Requestor', ({ spec }) => spec?.username ?? ''),
    column('RequestedDuration', ({ spec }) =>
      spec?.expirationSeconds === undefined
        ? '<none>'
        : humanDuration(spec.expirationSeconds * 1000),
    ),
    column('Condition', conditionText),
  ],
  prepareForCreate: (request, context) => {
    setRequester(request, context);
    request.status = {};
  },
  // A request never changes.
  prepareForUpdate: (next, old) => {
    if (old.spec !== undefined) next.spec = old.spec;
  },
  prepareForStatusUpdate: (next, old, context) => {
    keepDecisions(next, old);
    stampConditions(next, old, context.nowMs);
  },
  // Upstream does not care how a request is called, as long as it is part of a path.
  validateName: nameIsPathSegment,
  validateCreate: validateCertificateSigningRequestCreate,
  validateStatus: validateCertificateSigningRequestStatus,
  views: [
    {
      name: 'approval',
      keep: (next, old, context) => {
        stampConditions(next, old, context.nowMs);
        const conditions = next.status?.conditions;
        if (old.spec !== undefined) next.spec = old.spec;
        next.status = { ...old.status };
        if (conditions === undefined) delete next.status.conditions;
        else next.status.conditions = conditions;
      },
      validate: validateApproval,
    },
  ],
});
