/** Certificates for tests, valid from 1970 to 2036 and signed by their own name. */
import { generateKeyPairSync } from 'node:crypto';
import { createCertificate, type CertificateUse } from '#base/x509.ts';

/** PEM, with a P-256 key of its own that nobody keeps. */
export function selfSigned(use: CertificateUse, commonName = 'a'): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = { commonName };
  return createCertificate({
    subject,
    publicKey,
    issuer: { name: subject, publicKey, privateKey },
    serial: Buffer.from('01', 'hex'),
    notBeforeMs: 0,
    notAfterMs: Date.UTC(2036, 0, 1),
    uses: [use],
  });
}
