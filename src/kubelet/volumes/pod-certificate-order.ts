/**
 * The PodCertificateRequest that a kubelet makes for one source of a pod: a stub request that is
 * signed by a new key, and whom it is for.
 *
 * Pure. Upstream: pkg/kubelet/podcertificate/podcertificatemanager.go, v1.36.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import type { Pod, PodCertificateProjection } from '#api/gen/core-v1.ts';
import { createCertificateRequest } from '#base/certificate-request.ts';
import { sequence } from '#base/der.ts';
import type { KeyKind } from '#base/doors.ts';
import { pemBlocks } from '#base/pem.ts';

/** By the names that a source has for them. */
const KINDS: Readonly<Record<string, KeyKind>> = {
  RSA3072: { type: 'rsa', bits: 3072 },
  RSA4096: { type: 'rsa', bits: 4096 },
  ECDSAP256: { type: 'ec', curve: 'P-256' },
  ECDSAP384: { type: 'ec', curve: 'P-384' },
  ECDSAP521: { type: 'ec', curve: 'P-521' },
  ED25519: { type: 'ed25519' },
};

/** Throws for a name that nobody knows. */
export function keyKindOf(keyType: string): KeyKind {
  const kind = Object.hasOwn(KINDS, keyType) ? KINDS[keyType] : undefined;
  if (kind === undefined) throw new Error(`unknown key type ${JSON.stringify(keyType)}`);
  return kind;
}

export interface PodCertificateOrder {
  readonly pod: Pod;
  readonly source: PodCertificateProjection;
  readonly serviceAccountUid: string;
  readonly node: { readonly name: string; readonly uid: string };
}

export function podCertificateRequest(
  { pod, source, serviceAccountUid, node }: PodCertificateOrder,
  privateKey: KeyObject,
): PodCertificateRequest {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  const { signerName = '', maxExpirationSeconds, userAnnotations } = source;
  return {
    metadata: {
      namespace,
      generateName: 'req-',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }],
    },
    spec: {
      signerName,
      podName: name,
      podUID: uid,
      serviceAccountName: pod.spec?.serviceAccountName ?? '',
      serviceAccountUID: serviceAccountUid,
      nodeName: node.name,
      nodeUID: node.uid,
      ...(maxExpirationSeconds === undefined ? {} : { maxExpirationSeconds }),
      pkixPublicKey: '',
      proofOfPossession: '',
      stubPKCS10Request: stubRequest(privateKey).toString('base64'),
      ...(userAnnotations === undefined ? {} : { unverifiedUserAnnotations: userAnnotations }),
    },
  };
}

/** It names nobody: who the pod is stands beside it. */
function stubRequest(privateKey: KeyObject): Buffer {
  const publicKey = createPublicKey(privateKey);
  const text = createCertificateRequest({ subject: sequence(), publicKey, privateKey });
  return pemBlocks(text)[0]?.der ?? Buffer.alloc(0);
}
