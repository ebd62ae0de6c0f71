/**
 * CertificateApproval, CertificateSigning, CertificateSubjectRestriction: who may approve and sign
 * for a signer, and no certificates of system:masters by request.
 *
 * Source: upstream plugin/pkg/admission/certificates.
 */
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { requestSubject } from '#base/csr.ts';
import { messageOf } from '#base/error.ts';
import type { Authorizer } from '../../authz/authorizer.ts';
import { MASTERS_GROUP } from '../../context.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, SIGNING_REQUESTS } from '../targets.ts';

const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

export function certificateApproval({ authorize }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    validate(attributes) {
      const { operation, subresource } = attributes;
      if (
        !isFor(attributes, SIGNING_REQUESTS) ||
        operation !== 'UPDATE' ||
        subresource !== 'approval'
      )
        return;
      checkSigner(authorize, attributes, 'approve');
    },
  };
}

export function certificateSigning({ authorize }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    validate(attributes) {
      const { operation, subresource } = attributes;
      if (
        !isFor(attributes, SIGNING_REQUESTS) ||
        operation !== 'UPDATE' ||
        subresource !== 'status'
      )
        return;
      const next = (attributes.object as CertificateSigningRequest | undefined)?.status;
      const old = (attributes.old as CertificateSigningRequest | undefined)?.status;
      const same =
        next?.certificate === old?.certificate && equalValues(next?.conditions, old?.conditions);
      if (!same) checkSigner(authorize, attributes, 'sign');
    },
  };
}

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  validate(attributes) {
    const { operation, subresource } = attributes;
    if (!isFor(attributes, SIGNING_REQUESTS) || operation !== 'CREATE' || subresource !== '')
      return;
    const { spec } = attributes.object as CertificateSigningRequest;
    if (spec?.signerName !== CLIENT_SIGNER) return;
    if (organizationsOf(attributes, String(spec.request)).includes(MASTERS_GROUP)) {
      throw refusal(
        attributes,
        `use of ${CLIENT_SIGNER} signer with system:masters group is not allowed`,
      );
    }
  },
};

function organizationsOf(attributes: Attributes, request: string): readonly string[] {
  try {
    return requestSubject(Buffer.from(request, 'base64').toString()).organizations;
  } catch (error) {
    throw refusal(attributes, `failed to parse CSR: ${messageOf(error)}`);
  }
}

/** The right to `verb` the signer, by its name or by `domain/*`. */
function checkSigner(
  authorize: Authorizer,
  attributes: Attributes,
  verb: 'approve' | 'sign',
): void {
  const signer = (attributes.old as CertificateSigningRequest | undefined)?.spec?.signerName ?? '';
  const domain = signer.split('/')[0] ?? '';
  const allowed = [signer, `${domain}/*`].some(
    (name) =>
      authorize({
        user: attributes.user,
        verb,
        path: '',
        isResourceRequest: true,
        group: 'certificates.k8s.io',
        version: '*',
        resource: 'signers',
        subresource: '',
        namespace: '',
        name,
      }).outcome === 'allow',
  );
  if (!allowed) {
    throw refusal(
      attributes,
      `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`,
    );
  }
}
