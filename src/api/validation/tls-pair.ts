/**
 * Whether a certificate and a private key are a pair, in Go's words: what a Secret of type
 * kubernetes.io/tls is warned of.
 *
 * Source: upstream pkg/registry/core/secret/strategy.go; Go's crypto/tls (X509KeyPair).
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type PemBlock, pemBlocks } from '#base/pem.ts';

/** `certificate`, `key`: PEM. Undefined when they fit each other. */
export function keyPairProblem(certificate: Buffer, key: Buffer): string | undefined {
  const certificates = pemBlocks(certificate.toString('latin1'));
  const leaf = certificates.find(({ label }) => label === 'CERTIFICATE');
  if (leaf === undefined) return noCertificate(certificates.map(({ label }) => label));
  const keys = pemBlocks(key.toString('latin1'));
  const block = keys.find(({ label }) => isKey(label));
  if (block === undefined) return noKey(keys.map(({ label }) => label));
  const publicKey = publicKeyOf(leaf);
  if (publicKey === undefined) return 'x509: malformed certificate';
  const privateKey = privateKeyOf(block);
  if (privateKey === undefined) return 'tls: failed to parse private key';
  if (publicKey.asymmetricKeyType !== privateKey.asymmetricKeyType)
    return 'tls: private key type does not match public key type';
  return createPublicKey(privateKey).equals(publicKey)
    ? undefined
    : 'tls: private key does not match public key';
}

function isKey(label: string): boolean {
  return label === 'PRIVATE KEY' || label.endsWith(' PRIVATE KEY');
}

function noCertificate(skipped: readonly string[]): string {
  const [only = ''] = skipped;
  if (skipped.length === 0) return 'tls: failed to find any PEM data in certificate input';
  if (skipped.length === 1 && only.endsWith('PRIVATE KEY'))
    return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${skipped.join(' ')}]`;
}

function noKey(skipped: readonly string[]): string {
  if (skipped.length === 0) return 'tls: failed to find any PEM data in key input';
  if (skipped.length === 1 && skipped[0] === 'CERTIFICATE')
    return 'tls: found a certificate rather than a key in the PEM for the private key';
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${skipped.join(' ')}]`;
}

function publicKeyOf({ der }: PemBlock): KeyObject | undefined {
  try {
    return new X509Certificate(der).publicKey;
  } catch {
    return undefined;
  }
}

/** Go tries all three forms, whatever the block is called. */
function privateKeyOf({ der }: PemBlock): KeyObject | undefined {
  for (const type of ['pkcs1', 'pkcs8', 'sec1'] as const) {
    try {
      return createPrivateKey({ key: der, format: 'der', type });
    } catch {
      // Another form may fit.
    }
  }
  return undefined;
}
