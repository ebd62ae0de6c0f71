/** A private key and the certificate of its public half, as the kubelet keeps both in one file. Pure. */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { pemBlocks } from '#base/pem.ts';

/** PEM texts. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

/** A new key at each call: P-256, of good random numbers. */
export type CreateKey = () => { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

/** From when to when a certificate counts. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** One text: the certificate with its chain, then the key. */
export function joinPair({ certificate, key }: CertificatePair): string {
  return certificate + key;
}

/** Undefined where the text has no certificate, no key, or the key of another certificate. */
export function splitPair(text: string): CertificatePair | undefined {
  const blocks = pemBlocks(text);
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE');
  const key = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (key === undefined || certificates.length === 0) return undefined;
  const pair = { certificate: certificates.map((block) => block.text).join(''), key: key.text };
  return isPair(pair) ? pair : undefined;
}

/** Whether the certificate is for the key. */
export function isPair({ certificate, key }: CertificatePair): boolean {
  try {
    return new X509Certificate(certificate).publicKey.equals(
      createPublicKey(createPrivateKey(key)),
    );
  } catch {
    return false;
  }
}

/** Of a certificate in PEM; throws for what is none. */
export function validityOf(certificate: string): Validity {
  const { validFromDate, validToDate } = new X509Certificate(certificate);
  return { notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() };
}

/** The key as PEM (PKCS #8). */
export function keyText(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
