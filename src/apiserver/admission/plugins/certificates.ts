/**
 * CertificateApproval, CertificateSigning, CertificateSubjectRestriction: who may approve and sign
 * for a signer, and no certificates of system:masters by request.
 *
 * Source: upstream plugin/pkg/admission/certificates.
 */
import { type Eventual, firstThere, whenThere } from '#base/eventual.ts';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import type { ClusterTrustBundle, PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { forbiddenField } from '#api/meta/field.ts';
import { invalid } from '#api/meta/status.ts';
import { requestSubject } from '#base/csr.ts';
import { messageOf } from '#base/error.ts';
import type { Authorizer } from '../../authz/authorizer.ts';
import { MASTERS_GROUP, type User } from '../../context.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import { refusal } from '../refusal.ts';
import type { AdmissionServices } from '../services.ts';
import { isFor, POD_CERTIFICATE_REQUESTS, SIGNING_REQUESTS, TRUST_BUNDLES } from '../targets.ts';

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
        return undefined;
      return checkSigner(authorize, attributes, 'approve');
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
        return undefined;
      const next = (attributes.object as CertificateSigningRequest | undefined)?.status;
      const old = (attributes.old as CertificateSigningRequest | undefined)?.status;
      const same =
        next?.certificate === old?.certificate && equalValues(next?.conditions, old?.conditions);
      return same ? undefined : checkSigner(authorize, attributes, 'sign');
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

/** ClusterTrustBundleAttest: bundles of a signer are for those who may speak for it. */
export function clusterTrustBundleAttest({ authorize }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'ClusterTrustBundleAttest',
    validate(attributes) {
      const { operation, object, old, user } = attributes;
      if (!isFor(attributes, TRUST_BUNDLES) || operation === 'DELETE') return undefined;
      const next = object as ClusterTrustBundle | undefined;
      const signer = next?.spec?.signerName ?? '';
      if (signer === '') return undefined;
      const same =
        operation === 'UPDATE' &&
        equalValues(next?.spec, (old as ClusterTrustBundle | undefined)?.spec) &&
        equalValues(next?.metadata?.labels, old?.metadata?.labels) &&
        equalValues(next?.metadata?.annotations, old?.metadata?.annotations);
      if (same) return undefined;
      return whenThere(mayActFor(authorize, user, { signer, verb: 'attest' }), (may) => {
        if (may) return;
        throw refusal(
          attributes,
          `user not permitted to attest for signerName ${JSON.stringify(signer)}`,
        );
      });
    },
  };
}

/** The outcome of a PodCertificateRequest is the signer's. Upstream has this in its strategy. */
export function podCertificateSigning({ authorize }: AdmissionServices): AdmissionPlugin {
  return {
    name: 'PodCertificateSigning',
    validate(attributes) {
      const { operation, subresource, object, old, user } = attributes;
      if (!isFor(attributes, POD_CERTIFICATE_REQUESTS) || operation !== 'UPDATE') return undefined;
      const before = old as PodCertificateRequest | undefined;
      const signer = before?.spec?.signerName ?? '';
      if (
        subresource !== 'status' ||
        equalValues((object as PodCertificateRequest | undefined)?.status, before?.status)
      )
        return undefined;
      return whenThere(mayActFor(authorize, user, { signer, verb: 'sign' }), (may) => {
        if (may) return;
        const { group, kind } = attributes.kind;
        const detail = `User ${JSON.stringify(user.name)} is not permitted to "sign" for signer ${JSON.stringify(signer)}`;
        throw invalid({ group, kind }, attributes.name, [
          forbiddenField('spec.signerName', detail),
        ]);
      });
    },
  };
}

/** The right to `verb` the signer of a request. */
function checkSigner(
  authorize: Authorizer,
  attributes: Attributes,
  verb: 'approve' | 'sign',
): Eventual<void> {
  const signer = (attributes.old as CertificateSigningRequest | undefined)?.spec?.signerName ?? '';
  return whenThere(mayActFor(authorize, attributes.user, { signer, verb }), (may) => {
    if (may) return;
    throw refusal(
      attributes,
      `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`,
    );
  });
}

/** The right to `verb` the signer, by its name or by `domain/*`. */
function mayActFor(
  authorize: Authorizer,
  user: User,
  { signer, verb }: { readonly signer: string; readonly verb: string },
): Eventual<boolean> {
  const domain = signer.split('/')[0] ?? '';
  const allowed = firstThere([signer, `${domain}/*`], (name) => {
    const asked = {
      user,
      verb,
      path: '',
      isResourceRequest: true,
      group: 'certificates.k8s.io',
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
    };
    return whenThere(authorize(asked), ({ outcome }) => (outcome === 'allow' ? true : undefined));
  });
  return whenThere(allowed, (found) => found === true);
}
