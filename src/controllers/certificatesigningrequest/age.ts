/** How long a request for a certificate is kept: an hour once it is answered, a day before. */
import { X509Certificate } from 'node:crypto';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';

const HOUR_MS = 60 * 60_000;
const ANSWERED_MS = HOUR_MS;
const PENDING_MS = 24 * HOUR_MS;

export function isOver({ metadata, status }: CertificateSigningRequest, nowMs: number): boolean {
  const { conditions = [], certificate = '' } = status ?? {};
  const isOlder = (time: string | undefined, ageMs: number): boolean =>
    time !== undefined && nowMs - Date.parse(time) > ageMs;
  if (conditions.length === 0) return isOlder(metadata?.creationTimestamp, PENDING_MS);
  return conditions.some(({ type, lastUpdateTime }) => {
    if (type === 'Denied' || type === 'Failed') return isOlder(lastUpdateTime, ANSWERED_MS);
    if (type !== 'Approved') return false;
    if (certificate === '') return isOlder(lastUpdateTime, PENDING_MS);
    return isOlder(lastUpdateTime, ANSWERED_MS) || hasExpired(certificate, nowMs);
  });
}

function hasExpired(certificate: string, nowMs: number): boolean {
  try {
    const read = new X509Certificate(Buffer.from(certificate, 'base64'));
    return nowMs > read.validToDate.getTime();
  } catch {
    // What is no certificate has no end.
    return false;
  }
}
