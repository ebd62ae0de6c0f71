/** A certificate authority for the tests of the edge. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createCertificate, type Name } from '#base/x509.ts';

export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

export interface TestPki {
  readonly ca: string;
  /** For 127.0.0.1 and localhost. */
  readonly server: PemPair;
  client(subject: Name, options?: { lifeMs?: number }): PemPair;
}

export function testPki(): TestPki {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = { commonName: 'test-ca' };
  const issuer = { name, ...authority };
  const hourMs = 3_600_000;
  const issue = (
    options: { subject: Name; use: 'server' | 'client' | 'authority' },
    lifeMs = hourMs,
    keys = generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ): PemPair => ({
    cert: createCertificate({
      subject: options.subject,
      publicKey: keys.publicKey,
      issuer,
      serial: randomBytes(16),
      notBeforeMs: Date.now() - hourMs,
      notAfterMs: Date.now() + lifeMs,
      uses: [options.use],
      ...(options.use === 'server' ? { dnsNames: ['localhost'], addresses: ['127.0.0.1'] } : {}),
    }),
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  });
  return {
    ca: issue({ subject: name, use: 'authority' }, hourMs, authority).cert,
    server: issue({ subject: { commonName: 'server' }, use: 'server' }),
    client: (subject, { lifeMs } = {}) => issue({ subject, use: 'client' }, lifeMs),
  };
}
