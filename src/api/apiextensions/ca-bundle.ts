/**
 * Bundles of certificates that webhooks are trusted by.
 *
 * Source: upstream v1.36 client-go/transport/transport.go (rootCertPool) for what is accepted and
 * what is said.
 */
import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '#base/pem.ts';

/** What is wrong with a bundle in base64, or undefined. */
export function caBundleError(caBundle: string): string | undefined {
  const text = Buffer.from(caBundle, 'base64').toString('latin1');
  const head = 'unable to load root certificates: ';
  const blocks = pemBlocks(text);
  if (blocks.length === 0) return `${head}unable to parse bytes as PEM block`;
  let broken: string | undefined;
  for (const { label, hasHeaders, text: block } of blocks) {
    if (label !== 'CERTIFICATE' || hasHeaders) continue;
    try {
      if (new X509Certificate(block).raw.length > 0) return undefined;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      broken ??= `${head}failed to parse certificate: ${why}`;
    }
  }
  return broken ?? `${head}no valid certificate authority data seen`;
}

export function isCaBundle(caBundle: string): boolean {
  return caBundleError(caBundle) === undefined;
}
