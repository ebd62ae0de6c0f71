/**
 * What kubelets ask certificates for, and what a client of the API server may: the conditions of
 * the signers of `kubernetes.io`.
 *
 * Source: Kubernetes documentation, "Kubernetes signers"; upstream pkg/apis/certificates/helpers.go
 * and pkg/controller/certificates/signer/signer.go, v1.36.
 */
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import { type RequestContent, requestContent } from '#base/csr.ts';

export const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
const KUBELET_SERVING = 'kubernetes.io/kubelet-serving';
const CLIENT = 'kubernetes.io/kube-apiserver-client';
const LEGACY = 'kubernetes.io/legacy-unknown';
/** Those whose certificates are this control plane's to make. */
export const SIGNERS = [KUBELET_SERVING, KUBELET_CLIENT, CLIENT, LEGACY];

/** For requests that cannot be answered yet: a right may be granted, the authority may come back. */
export const CSR_BACKOFF = { firstMs: 200, msMax: 1_000_000 };

const COMMON_NAME = '550403';
const ORGANIZATION = '55040a';

export interface ParsedRequest extends RequestContent {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/** Throws an Error for what is no request. */
export function parseRequest({ spec }: CertificateSigningRequest): ParsedRequest {
  const content = requestContent(Buffer.from(spec?.request ?? '', 'base64').toString());
  const values = (oid: string): string[] =>
    content.attributes.filter(([type]) => type === oid).map(([, text]) => text);
  return {
    ...content,
    commonName: values(COMMON_NAME).at(-1) ?? '',
    organizations: values(ORGANIZATION),
  };
}

/** Why the signer that is asked must not sign; undefined: it may. */
export function refusalOf(
  { spec }: CertificateSigningRequest,
  request: ParsedRequest,
): string | undefined {
  const usages: readonly string[] = spec?.usages ?? [];
  switch (spec?.signerName) {
    case KUBELET_SERVING:
      return servingRefusal(request, usages);
    case KUBELET_CLIENT:
      return kubeletClientRefusal(request, usages);
    case CLIENT:
      return clientRefusal(usages);
    default:
      return undefined;
  }
}

export function kubeletClientRefusal(
  request: ParsedRequest,
  usages: readonly string[],
): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.addresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return nameRefusal(request) ?? usagesRefusal(usages, 'client auth');
}

function servingRefusal(request: ParsedRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length === 0 && request.addresses.length === 0)
    return 'DNS or IP subjectAltName is required';
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return usagesRefusal(usages, 'server auth') ?? nameRefusal(request);
}

function clientRefusal(usages: readonly string[]): string | undefined {
  const allowed = ['client auth', 'digital signature', 'key encipherment'];
  const wrong = usages.find((usage) => !allowed.includes(usage));
  if (wrong !== undefined) return `invalid usage for client certificate: ${wrong}`;
  if (!usages.includes('client auth'))
    return 'missing required usage for client certificate: client auth';
  return undefined;
}

function isOfNodes({ organizations }: ParsedRequest): boolean {
  return organizations.length === 1 && organizations[0] === 'system:nodes';
}

function nameRefusal({ commonName }: ParsedRequest): string | undefined {
  if (commonName.startsWith('system:node:')) return undefined;
  return 'subject common name does not begin with system:node:';
}

/** Only keys of RSA are ever used to encipher keys. */
function usagesRefusal(usages: readonly string[], purpose: string): string | undefined {
  const needed = ['digital signature', purpose];
  const asked = new Set(usages);
  const others = [...asked].filter((usage) => !needed.includes(usage));
  const isComplete = needed.every((usage) => asked.has(usage));
  if (isComplete && others.every((usage) => usage === 'key encipherment')) return undefined;
  const all = ['digital signature', 'key encipherment', purpose].toSorted();
  return `usages did not match [${all.join(' ')}]`;
}
