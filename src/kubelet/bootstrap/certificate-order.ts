/**
 * What a node asks certificates for. Pure.
 *
 * Source: Kubernetes documentation, "Kubernetes signers" and "TLS bootstrapping"; upstream
 * pkg/kubelet/certificate/{kubelet,bootstrap/bootstrap}.go and
 * staging/src/k8s.io/client-go/util/certificate/csr/csr.go, v1.36.
 */
import { createHash, type KeyObject } from 'node:crypto';
import type { CertificateSigningRequest, KeyUsage } from '#api/gen/certificates-v1.ts';
import { createCertificateRequest } from '#base/certificate-request.ts';
import type { AlternativeNames, Name } from '#base/x509.ts';

export interface CertificateOrder {
  readonly signer: string;
  readonly subject: Name;
  readonly names: AlternativeNames;
  /** A key of an elliptic curve enciphers no keys, so nothing of that is asked for. */
  readonly usages: readonly KeyUsage[];
}

export interface KeyObjects {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function subjectOf(node: string): Name {
  return { commonName: `system:node:${node}`, organizations: ['system:nodes'] };
}

/** As a client of the API server. */
export function clientOrder(node: string): CertificateOrder {
  return {
    signer: 'kubernetes.io/kube-apiserver-client-kubelet',
    subject: subjectOf(node),
    names: {},
    usages: ['digital signature', 'client auth'],
  };
}

/** For the kubelet's own server, at these names and addresses. */
export function servingOrder(node: string, names: AlternativeNames): CertificateOrder {
  return {
    signer: 'kubernetes.io/kubelet-serving',
    subject: subjectOf(node),
    names,
    usages: ['digital signature', 'server auth'],
  };
}

/**
 * The object to create. Its name is made of the key and what it is asked for, so that who asks again
 * with the same key, after a crash, finds its request.
 */
export function signingRequest(
  order: CertificateOrder,
  keys: KeyObjects,
): CertificateSigningRequest {
  const { subject, names, signer, usages } = order;
  const pem = createCertificateRequest({ subject, ...names, ...keys });
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: requestName(order, keys.publicKey) },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: signer,
      usages: [...usages],
    },
  };
}

function requestName({ subject, usages }: CertificateOrder, publicKey: KeyObject): string {
  const hash = createHash('sha512-256');
  const parts = [
    publicKey.export({ type: 'spki', format: 'der' }),
    ...[subject.commonName, ...(subject.organizations ?? []), ...usages].map((text) =>
      Buffer.from(text),
    ),
  ];
  for (const part of parts) hash.update(`${part.toString('base64url')}|`);
  return `node-csr-${hash.digest('base64url')}`;
}

/** What became of a request so far. */
export type RequestOutcome =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'issued'; readonly certificate: string }
  | { readonly kind: 'refused'; readonly message: string };

/** A denial counts more than an approval, as signers see it. */
export function outcomeOf({ metadata, status }: CertificateSigningRequest): RequestOutcome {
  const what = `certificate signing request ${metadata?.name ?? ''}`;
  for (const [type, verb] of [
    ['Denied', 'was denied'],
    ['Failed', 'failed'],
  ] as const) {
    const condition = status?.conditions?.find((each) => each.type === type);
    if (condition === undefined) continue;
    const { reason = '', message = '' } = condition;
    return { kind: 'refused', message: `${what} ${verb}: ${reason}: ${message}` };
  }
  const isApproved = status?.conditions?.some(({ type }) => type === 'Approved') === true;
  const certificate = Buffer.from(status?.certificate ?? '', 'base64').toString();
  return isApproved && certificate !== '' ? { kind: 'issued', certificate } : { kind: 'waiting' };
}
