/**
 * Approval of what kubelets ask for as clients: granted to whoever may create such requests by an
 * access review, which roles of bootstrapping give to new nodes and to nodes for themselves.
 *
 * Upstream: pkg/controller/certificates/approver/sarapprove.go, v1.36.
 */
import { CERTIFICATE_SIGNING_REQUEST } from '#api/certificates/certificate-signing-request.ts';
import { SUBJECT_ACCESS_REVIEW } from '#api/authorization/subject-access-review.ts';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import type { Client } from '#client/client.ts';
import { type Context, type Controller, defineController } from '#reconcile/controller.ts';
import {
  CSR_BACKOFF,
  KUBELET_CLIENT,
  kubeletClientRefusal,
  type ParsedRequest,
  parseRequest,
} from './certificatesigningrequest/requests.ts';

interface Rule {
  readonly subresource: string;
  readonly message: string;
  recognizes(csr: CertificateSigningRequest, request: ParsedRequest): boolean;
}

const RULES: readonly Rule[] = [
  {
    subresource: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
    recognizes: (csr, request) =>
      csr.spec?.username === request.commonName && isNodeClient(csr, request),
  },
  {
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    recognizes: isNodeClient,
  },
];

export const csrApprovingController: Controller = {
  ...defineController<CertificateSigningRequest>({
    name: 'certificatesigningrequest-approving-controller',
    queue: 'certificate',
    backoff: CSR_BACKOFF,
    for: CERTIFICATE_SIGNING_REQUEST,
    reconcile: approve,
  }),
  identity: 'certificate-controller',
};

async function approve(
  csr: CertificateSigningRequest,
  { client }: Context<CertificateSigningRequest>,
): Promise<void> {
  const { status = {} } = csr;
  if ((status.certificate ?? '') !== '') return;
  if (status.conditions?.some(({ type }) => type === 'Approved' || type === 'Denied')) return;
  const request = parseRequest(csr);
  const rules = RULES.filter((rule) => rule.recognizes(csr, request));
  for (const { subresource, message } of rules) {
    if (!(await isAllowed(csr, subresource, client))) continue;
    const approval = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
    const conditions = [...(status.conditions ?? []), approval];
    const approved = { ...csr, status: { ...status, conditions } };
    await client.update(CERTIFICATE_SIGNING_REQUEST, approved, 'approval');
    return;
  }
  if (rules.length === 0) return;
  const tried = rules.map(({ subresource }) => subresource).join(' ');
  // Roles may be given yet: tried again after a while.
  throw new Error(
    `recognized csr ${JSON.stringify(csr.metadata?.name)} as [${tried}] but subject access review was not approved`,
  );
}

async function isAllowed(
  { spec }: CertificateSigningRequest,
  subresource: string,
  client: Client,
): Promise<boolean> {
  const { username, uid, groups, extra } = spec ?? {};
  const review = await client.create(SUBJECT_ACCESS_REVIEW, {
    spec: {
      ...(username === undefined ? {} : { user: username }),
      ...(uid === undefined ? {} : { uid }),
      ...(groups === undefined ? {} : { groups }),
      ...(extra === undefined ? {} : { extra }),
      resourceAttributes: {
        group: 'certificates.k8s.io',
        resource: 'certificatesigningrequests',
        verb: 'create',
        subresource,
        version: '*',
      },
    },
  });
  return review.status?.allowed === true;
}

function isNodeClient({ spec }: CertificateSigningRequest, request: ParsedRequest): boolean {
  return (
    spec?.signerName === KUBELET_CLIENT &&
    kubeletClientRefusal(request, spec.usages ?? []) === undefined
  );
}
