/**
 * A server's certificate that it signs itself, for who was given none: clients skip its check or have
 * it by hand, as with upstream's components.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { Environment } from '#base/env.ts';
import { createCertificate } from '#base/x509.ts';
import type { KeyPair } from './pki.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const LIFE_DAYS = 365;
const SERIAL_BYTES = 16;

export interface SelfSignedOptions {
  readonly environment: Environment;
  /** The subject is this name with the time, in seconds, of its making. */
  readonly name: string;
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
}

/** PEM; valid for a year from now on. */
export function selfSignedCertificate(options: SelfSignedOptions): KeyPair {
  const { environment, name, dnsNames, addresses } = options;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const nowMs = environment.clock.now();
  const subject = { commonName: `${name}@${Math.floor(nowMs / 1000)}` };
  return {
    certificate: createCertificate({
      subject,
      publicKey,
      issuer: { name: subject, publicKey, privateKey },
      serial: environment.random.bytes(SERIAL_BYTES),
      notBeforeMs: nowMs,
      notAfterMs: nowMs + LIFE_DAYS * DAY_MS,
      uses: ['server'],
      dnsNames: [...dnsNames],
      addresses: [...addresses],
    }),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
