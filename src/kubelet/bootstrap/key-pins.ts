/**
 * Pins of public keys: what a user says an authority must have, so that nobody in the middle can
 * pass for the cluster. Pure.
 *
 * Source: kubeadm's --discovery-token-ca-cert-hash; RFC 7469, 2.4 (there in base64); upstream
 * cmd/kubeadm/app/util/pubkeypin, v1.36.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { pemBlocks } from '#base/pem.ts';
import { BootstrapError } from './bootstrap-error.ts';

const FORMAT = 'sha256';
const PIN = /^sha256:([0-9a-f]{64})$/i;

/** `text` in the one form that pins are compared in; throws BootstrapError. */
export function parseKeyPin(text: string): string {
  const hash = PIN.exec(text)?.[1];
  if (hash !== undefined) return `${FORMAT}:${hash.toLowerCase()}`;
  throw new BootstrapError(
    `invalid public key hash ${JSON.stringify(text)}: give ${FORMAT}: and 64 hexadecimal digits`,
  );
}

/** The pin of the public key of each certificate of a PEM text; throws BootstrapError when none is. */
export function certificateKeyPins(pem: string): string[] {
  const blocks = pemBlocks(pem).filter(({ label }) => label === 'CERTIFICATE');
  if (blocks.length === 0)
    throw new BootstrapError('the authority of the cluster is no certificate');
  return blocks.map(({ der }) => {
    const { publicKey } = certificateOf(der);
    const info = publicKey.export({ type: 'spki', format: 'der' });
    return `${FORMAT}:${createHash(FORMAT).update(info).digest('hex')}`;
  });
}

function certificateOf(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    throw new BootstrapError('the authority of the cluster is no certificate');
  }
}

/**
 * Throws BootstrapError unless each certificate of the authority has a key that is pinned. One
 * that is not would be believed as well.
 */
export function checkKeyPins(authority: string, pins: readonly string[]): void {
  const other = certificateKeyPins(authority).find((pin) => !pins.includes(pin));
  if (other !== undefined)
    throw new BootstrapError(
      `the authority of the cluster has the key ${other}, which is none of those given (${pins.join(', ')})`,
    );
}
