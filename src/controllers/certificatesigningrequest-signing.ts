/**
 * Signs approved requests for the signers of `kubernetes.io` with the cluster's authority; what a
 * signer must not sign fails with the reason.
 *
 * Upstream: pkg/controller/certificates/signer/signer.go, v1.36.
 */
import { CERTIFICATE_SIGNING_REQUEST } from '#api/certificates/certificate-signing-request.ts';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { checkRequestSignature } from '#base/csr.ts';
import { type Context, type Controller, defineController } from '#reconcile/controller.ts';
import {
  certificateFor,
  type Issuer,
  issuerOf,
  type SigningCa,
} from './certificatesigningrequest/certificate.ts';
import {
  CSR_BACKOFF,
  parseRequest,
  refusalOf,
  SIGNERS,
} from './certificatesigningrequest/requests.ts';

const SERIAL_BYTES = 16;

export function csrSigningController(ca: SigningCa): Controller {
  const issuer = issuerOf(ca);
  return {
    ...defineController<CertificateSigningRequest>({
      name: 'certificatesigningrequest-signing-controller',
      queue: 'certificate',
      backoff: CSR_BACKOFF,
      for: CERTIFICATE_SIGNING_REQUEST,
      reconcile: (csr, context) => answer(csr, issuer, context),
    }),
    identity: 'certificate-controller',
  };
}

async function answer(
  csr: CertificateSigningRequest,
  issuer: Issuer,
  context: Context<CertificateSigningRequest>,
): Promise<void> {
  const { spec, status = {} } = csr;
  const conditions = status.conditions ?? [];
  const has = (type: string): boolean =>
    conditions.some((condition) => condition.type === type && condition.status === 'True');
  if ((status.certificate ?? '') !== '' || spec === undefined) return;
  if (!isApproved(conditions) || has('Failed') || !SIGNERS.includes(spec.signerName)) return;
  const request = parseRequest(csr);
  const refusal = refusalOf(csr, request);
  const nowMs = context.now();
  if (refusal !== undefined) {
    const failed = {
      type: 'Failed',
      status: 'True',
      reason: 'SignerValidationFailure',
      message: refusal,
      lastUpdateTime: timeText(nowMs),
    };
    return write(csr, { conditions: [...conditions, failed] }, context);
  }
  checkRequestSignature(Buffer.from(spec.request, 'base64').toString());
  const serial = context.environment.random.bytes(SERIAL_BYTES);
  const pem = certificateFor({ request, spec, issuer, serial, nowMs });
  await write(csr, { certificate: Buffer.from(pem).toString('base64') }, context);
}

/** A denial counts more than an approval. */
function isApproved(conditions: readonly { readonly type: string }[]): boolean {
  const types = conditions.map(({ type }) => type);
  return types.includes('Approved') && !types.includes('Denied');
}

async function write(
  csr: CertificateSigningRequest,
  status: CertificateSigningRequest['status'],
  { client }: Context<CertificateSigningRequest>,
): Promise<void> {
  const next = { ...csr, status: { ...csr.status, ...status } };
  await client.update(CERTIFICATE_SIGNING_REQUEST, next, 'status');
}
