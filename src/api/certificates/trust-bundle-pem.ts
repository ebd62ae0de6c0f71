/**
 * What a trust bundle may hold: certificates of authorities, each once, and nothing else.
 *
 * Source: upstream pkg/apis/certificates/validation/validation.go; RFC 7468 for the text form.
 */
import { X509Certificate } from 'node:crypto';
import { type PemBlock, pemBlocks } from '#base/pem.ts';
import { type FieldError, type FieldPath, invalidValue, tooLong } from '../meta/field.ts';

const TRUST_BUNDLE_MAX_BYTES = 1024 * 1024;
const OMITTED = '<value omitted>';

export function validateTrustBundle(text: string, at: FieldPath): FieldError[] {
  if (text.length > TRUST_BUNDLE_MAX_BYTES) return [tooLong(at, TRUST_BUNDLE_MAX_BYTES)];
  const wrong: string[] = [];
  const seen = new Map<string, number[]>();
  for (const [i, block] of pemBlocks(text).entries()) {
    const problem = problemOf(block);
    if (problem === undefined) {
      const bytes = block.der.toString('base64');
      seen.set(bytes, [...(seen.get(bytes) ?? []), i]);
    } else wrong.push(`entry ${i} ${problem}`);
  }
  if (wrong.length === 0 && seen.size === 0)
    wrong.push('at least one trust anchor must be provided');
  if (wrong.length === 0) {
    for (const indices of seen.values())
      if (indices.length > 1) wrong.push(`duplicate trust anchor (indices [${indices.join(' ')}])`);
  }
  return wrong.map((detail) => invalidValue(at, OMITTED, detail));
}

function problemOf({ label, hasHeaders, der }: PemBlock): string | undefined {
  if (label !== 'CERTIFICATE') return `has bad block type: ${label}`;
  if (hasHeaders) return 'has PEM block headers';
  try {
    const certificate = new X509Certificate(der);
    return certificate.ca ? undefined : 'does not have the CA bit set';
  } catch {
    return 'does not parse as X.509';
  }
}
