/** Certificate signing requests, each signed by a key of its own that nobody keeps. */
import { generateKeyPairSync } from 'node:crypto';
import { createCertificateRequest } from '#base/certificate-request.ts';
import type { AlternativeNames, Name } from '#base/x509.ts';

export type RequestWords = Name & AlternativeNames;

/** The PEM text. */
export function certificateRequest(words: RequestWords): string {
  const { commonName, organizations = [], ...names } = words;
  return createCertificateRequest({
    subject: { commonName, organizations },
    ...names,
    ...generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  });
}
