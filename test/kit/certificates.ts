/** Certificates of an authority, and keys, for tests of those who keep them. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { type AlternativeNames, createCertificate } from '#base/x509.ts';
import { type CertificatePair, keyText } from '#kubelet/bootstrap/key-pair.ts';

export const createTestKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** For a node's client or server: for `publicKey`, or with a key of its own. */
export function issuePair(
  authority: { readonly key: string },
  life: { readonly notBeforeMs: number; readonly notAfterMs: number },
  names: AlternativeNames & { readonly publicKey?: KeyObject } = {},
): CertificatePair {
  const { publicKey, privateKey } = createTestKey();
  const signer = createPrivateKey(authority.key);
  const certificate = createCertificate({
    subject: { commonName: 'system:node:n1', organizations: ['system:nodes'] },
    publicKey,
    issuer: {
      name: { commonName: 'kubernetes' },
      publicKey: createPublicKey(signer),
      privateKey: signer,
    },
    serial: Buffer.from('02', 'hex'),
    ...life,
    uses: ['client', 'server'],
    ...names,
  });
  return { certificate, key: keyText(privateKey) };
}
